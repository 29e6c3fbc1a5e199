-- The words by which a reader finds an entry: who, what, about which bypass, and all that
-- its facts say, in small letters, parted at ASCII punctuation (audit/narrowing.py parts
-- what is looked for in the same way). A gate that is named whole stands beside them as
-- `=name`. Damaged bytes have no words: they must not stop a row from being repaired.
CREATE FUNCTION bg_entry_words(body bytea) RETURNS tsvector
LANGUAGE plpgsql IMMUTABLE STRICT COST 2000 AS $$
DECLARE
  entry jsonb;
  gate text;
  found text[];
BEGIN
  BEGIN
    entry := convert_from(body, 'UTF8')::jsonb;
    found := string_to_array(regexp_replace(lower(
      concat_ws(' ', entry ->> 'event', entry #>> '{actor,name}', entry ->> 'bypass_id',
        (SELECT string_agg(value, ' ') FROM jsonb_each_text(entry -> 'facts')))),
      '[^a-z0-9\u0080-\U0010ffff]+', ' ', 'g'), ' ');
    gate := entry #>> '{facts,gate}';
    IF gate <> '' THEN
      found := found || lower('=' || left(gate, 200));
    END IF;
    RETURN array_to_tsvector(array_remove(found, ''));
  EXCEPTION
    WHEN program_limit_exceeded THEN  -- a word longer than any that is looked for
      RETURN array_to_tsvector(ARRAY(SELECT left(word, 100) FROM unnest(found) AS word
                                     WHERE word <> ''));
  END;
EXCEPTION WHEN OTHERS THEN
  RETURN ''::tsvector;
END $$;
