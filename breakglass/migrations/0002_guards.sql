-- The one clock. Test databases replace this function; nothing else reads the time.
CREATE OR REPLACE FUNCTION bg_now() RETURNS timestamptz
LANGUAGE sql VOLATILE PARALLEL SAFE AS $$ SELECT clock_timestamp() $$;

-- ---------------------------------------------------------------- the ledger
ALTER TABLE breakglass_auditentry
  ADD CONSTRAINT auditentry_prev_is_a_hash CHECK (octet_length(prev_hash) = 32),
  -- 'breakglass/audit-entry/v1' LF, as in audit/chain.py
  ADD CONSTRAINT auditentry_hash_is_of_body CHECK (
    entry_hash = sha256(convert_to(E'breakglass/audit-entry/v1\n', 'UTF8') || body));

ALTER TABLE breakglass_bundle
  ADD CONSTRAINT bundle_sha256_is_of_bytes CHECK (sha256 = sha256(bundle));

-- Locks the tip, then reads the clock in a statement of its own.
CREATE FUNCTION bg_lock_head(t bigint, OUT seq bigint, OUT hash bytea, OUT at timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
  INSERT INTO breakglass_chainhead (tenant_id, seq, entry_hash, max_at)
    VALUES (t, 0, decode(repeat('00', 32), 'hex'), '-infinity')
    ON CONFLICT (tenant_id) DO NOTHING;
  PERFORM 1 FROM breakglass_chainhead h WHERE h.tenant_id = t FOR UPDATE;
  SELECT h.seq, h.entry_hash, greatest(bg_now(), h.max_at)
    INTO STRICT seq, hash, at FROM breakglass_chainhead h WHERE h.tenant_id = t;
END $$;
REVOKE EXECUTE ON FUNCTION bg_lock_head(bigint) FROM PUBLIC;

CREATE FUNCTION bg_audit_append() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
  h breakglass_chainhead%ROWTYPE;
BEGIN
  SELECT * INTO STRICT h FROM breakglass_chainhead
    WHERE tenant_id = NEW.tenant_id FOR UPDATE;
  IF NEW.seq <> h.seq + 1 OR NEW.prev_hash <> h.entry_hash OR NEW.at < h.max_at
     OR (NEW.at > bg_now() + interval '1 s' AND NEW.at > h.max_at)
  THEN
    RAISE EXCEPTION 'audit chain violation' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  UPDATE breakglass_chainhead
    SET seq = NEW.seq, entry_hash = NEW.entry_hash, max_at = NEW.at
    WHERE tenant_id = NEW.tenant_id;
  RETURN NEW;
END $$;

CREATE FUNCTION bg_append_only() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER auditentry_1_links BEFORE INSERT ON breakglass_auditentry
  FOR EACH ROW EXECUTE FUNCTION bg_audit_append();
CREATE TRIGGER auditentry_2_is_append_only BEFORE UPDATE OR DELETE ON breakglass_auditentry
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER auditentry_3_is_never_truncated BEFORE TRUNCATE ON breakglass_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION bg_append_only();
ALTER TABLE breakglass_auditentry ENABLE ALWAYS TRIGGER auditentry_1_links;
ALTER TABLE breakglass_auditentry ENABLE ALWAYS TRIGGER auditentry_2_is_append_only;
ALTER TABLE breakglass_auditentry ENABLE ALWAYS TRIGGER auditentry_3_is_never_truncated;

-- ---------------------------------------------------------------- evidence never changes
CREATE TRIGGER bundle_is_append_only BEFORE UPDATE OR DELETE ON breakglass_bundle
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER approval_is_append_only BEFORE UPDATE OR DELETE ON breakglass_approval
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
ALTER TABLE breakglass_bundle ENABLE ALWAYS TRIGGER bundle_is_append_only;
ALTER TABLE breakglass_approval ENABLE ALWAYS TRIGGER approval_is_append_only;

-- Refuses a change of any column that is not named as an argument of the trigger.
CREATE FUNCTION bg_frozen_but_for() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  free text[] := TG_ARGV;
BEGIN
  IF to_jsonb(NEW) - free IS DISTINCT FROM to_jsonb(OLD) - free THEN
    RAISE EXCEPTION '% is frozen but for %', TG_TABLE_NAME, array_to_string(free, ', ')
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER bypassrequest_is_frozen BEFORE UPDATE ON breakglass_bypassrequest
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('state', 'ended_at', 'ended_by_id', 'end_comment');
CREATE TRIGGER grant_is_frozen BEFORE UPDATE ON breakglass_grant
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for(
    'state', 'closed_at', 'closed_by_id', 'close_reason', 'snapped_back_at');
CREATE TRIGGER deploy_is_frozen BEFORE UPDATE ON breakglass_deploy
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('state', 'ended_at');
CREATE TRIGGER checkpoint_is_frozen BEFORE UPDATE ON breakglass_checkpoint
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('published_at');
CREATE TRIGGER intent_is_frozen BEFORE UPDATE ON breakglass_intent
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for(
    'state', 'authenticated_at', 'attempts', 'next_try_at', 'last_error');

-- A state, once final, stays: no path leads back.
CREATE FUNCTION bg_final_state() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.state <> TG_ARGV[0] AND NEW.state <> OLD.state THEN
    RAISE EXCEPTION '% is already %', TG_TABLE_NAME, OLD.state
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER bypassrequest_ends_once BEFORE UPDATE ON breakglass_bypassrequest
  FOR EACH ROW EXECUTE FUNCTION bg_final_state('pending');
CREATE TRIGGER grant_closes_once BEFORE UPDATE ON breakglass_grant
  FOR EACH ROW EXECUTE FUNCTION bg_final_state('active');
CREATE TRIGGER deploy_ends_once BEFORE UPDATE ON breakglass_deploy
  FOR EACH ROW EXECUTE FUNCTION bg_final_state('admitted');

-- A person authenticates for a decision once, and as the decision is committed.
CREATE FUNCTION bg_authenticated_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.authenticated_at IS DISTINCT FROM OLD.authenticated_at
     AND (OLD.authenticated_at IS NOT NULL OR OLD.state <> 'draft') THEN
    RAISE EXCEPTION 'an intent is authenticated once'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER intent_is_authenticated_once BEFORE UPDATE ON breakglass_intent
  FOR EACH ROW EXECUTE FUNCTION bg_authenticated_once();

-- A published post-mortem stays as it was published.
CREATE FUNCTION bg_published_is_frozen() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.state = 'published' AND to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD) THEN
    RAISE EXCEPTION 'a published post-mortem is frozen'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER postmortem_is_frozen BEFORE UPDATE ON breakglass_postmortem
  FOR EACH ROW EXECUTE FUNCTION bg_published_is_frozen();

-- ---------------------------------------------------------------- second person, quorum, one tenant
-- An approval is by another, human, person, on the digest of its request, by its signer.
CREATE FUNCTION bg_approval_is_valid() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1
    FROM breakglass_bypassrequest r
    JOIN breakglass_user u ON u.id = NEW.approver_id
    JOIN breakglass_bundle b ON b.id = NEW.bundle_id
    JOIN breakglass_intent i ON i.id = b.intent_id
    WHERE r.id = NEW.request_id AND r.state = 'pending' AND r.digest = NEW.digest
      AND r.requester_id <> NEW.approver_id AND u.kind = 'human' AND u.is_active
      AND i.kind = 'approval' AND i.signer_id = NEW.approver_id
      AND i.request_id = r.id AND i.ttl_seconds = NEW.ttl_seconds
      AND NEW.ttl_seconds <= r.ttl_seconds;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'approval violates the second-person rule'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER approval_is_valid BEFORE INSERT ON breakglass_approval
  FOR EACH ROW EXECUTE FUNCTION bg_approval_is_valid();
ALTER TABLE breakglass_approval ENABLE ALWAYS TRIGGER approval_is_valid;

-- A grant cannot exist without its quorum of approvals, each with a verified bundle.
CREATE FUNCTION bg_grant_has_quorum() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  needed bigint;
  standing bigint;
  shortest bigint;
BEGIN
  SELECT sum(q.count) INTO needed
    FROM breakglass_bypassrequest r
    JOIN breakglass_requirement q ON q.tier_id = r.tier_id
    WHERE r.id = NEW.request_id AND r.tenant_id = NEW.tenant_id AND r.gate_id = NEW.gate_id
      AND r.service = NEW.service AND r.branch = NEW.branch AND r.artifact = NEW.artifact;
  SELECT count(DISTINCT a.approver_id), min(a.ttl_seconds) INTO standing, shortest
    FROM breakglass_approval a WHERE a.request_id = NEW.request_id;
  IF needed IS NULL OR NEW.quorum < needed OR standing < NEW.quorum
     OR NEW.ttl_seconds > shortest THEN
    RAISE EXCEPTION 'grant without its quorum' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER grant_has_quorum BEFORE INSERT ON breakglass_grant
  FOR EACH ROW EXECUTE FUNCTION bg_grant_has_quorum();
ALTER TABLE breakglass_grant ENABLE ALWAYS TRIGGER grant_has_quorum;

-- ---------------------------------------------------------------- published policies are frozen
CREATE FUNCTION bg_policy_is_frozen() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF OLD.state = 'published' THEN
    RAISE EXCEPTION 'a published policy is frozen'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER policy_is_frozen BEFORE UPDATE OR DELETE ON breakglass_policy
  FOR EACH ROW EXECUTE FUNCTION bg_policy_is_frozen();

CREATE FUNCTION bg_tier_is_frozen() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM breakglass_policy p WHERE p.state = 'published' AND
             p.id IN (CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE OLD.policy_id END,
                      CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE NEW.policy_id END)) THEN
    RAISE EXCEPTION 'a published policy is frozen'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER tier_is_frozen BEFORE INSERT OR UPDATE OR DELETE ON breakglass_tier
  FOR EACH ROW EXECUTE FUNCTION bg_tier_is_frozen();

CREATE FUNCTION bg_requirement_is_frozen() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT 1 FROM breakglass_tier t JOIN breakglass_policy p ON p.id = t.policy_id
             WHERE p.state = 'published' AND
             t.id IN (CASE WHEN TG_OP = 'INSERT' THEN NULL ELSE OLD.tier_id END,
                      CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE NEW.tier_id END)) THEN
    RAISE EXCEPTION 'a published policy is frozen'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER requirement_is_frozen BEFORE INSERT OR UPDATE OR DELETE ON breakglass_requirement
  FOR EACH ROW EXECUTE FUNCTION bg_requirement_is_frozen();

-- Nothing that the log mentions is ever deleted.
CREATE TRIGGER bypassrequest_stays BEFORE DELETE ON breakglass_bypassrequest
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER grant_stays BEFORE DELETE ON breakglass_grant
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER deploy_stays BEFORE DELETE ON breakglass_deploy
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER postmortem_stays BEFORE DELETE ON breakglass_postmortem
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER checkpoint_stays BEFORE DELETE ON breakglass_checkpoint
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
