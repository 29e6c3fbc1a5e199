-- What was saved, handed over or noted stays; a review ends once.
CREATE TRIGGER postmortemrevision_is_append_only BEFORE UPDATE OR DELETE ON breakglass_postmortemrevision
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER postmortemhandover_is_append_only BEFORE UPDATE OR DELETE ON breakglass_postmortemhandover
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER postmortemnote_is_append_only BEFORE UPDATE OR DELETE ON breakglass_postmortemnote
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER postmortemreview_stays BEFORE DELETE ON breakglass_postmortemreview
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER postmortemreview_ends_once BEFORE UPDATE ON breakglass_postmortemreview
  FOR EACH ROW EXECUTE FUNCTION bg_set_once(
    'postmortem_id', 'asked_at', 'asked_by_id', 'outcome', 'comment', 'ended_at', 'ended_by_id');

-- Of the action items of a published post-mortem only "done" may change.
CREATE FUNCTION bg_published_items_stay() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  may_change text[] := ARRAY['is_done', 'done_at', 'done_by_id'];
  owner bigint := CASE TG_OP WHEN 'INSERT' THEN NEW.postmortem_id ELSE OLD.postmortem_id END;
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - may_change = to_jsonb(NEW) - may_change THEN
    RETURN NEW;
  END IF;
  IF EXISTS (SELECT 1 FROM breakglass_postmortem WHERE id = owner AND state = 'published') THEN
    RAISE EXCEPTION 'a published post-mortem is frozen'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER actionitem_is_frozen BEFORE INSERT OR UPDATE OR DELETE ON breakglass_actionitem
  FOR EACH ROW EXECUTE FUNCTION bg_published_items_stay();
