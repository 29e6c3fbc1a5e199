-- Evidence beside a signature never changes.
CREATE TRIGGER assertion_is_append_only BEFORE UPDATE OR DELETE ON breakglass_assertion
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER authentication_is_append_only BEFORE UPDATE OR DELETE ON breakglass_authentication
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
ALTER TABLE breakglass_assertion ENABLE ALWAYS TRIGGER assertion_is_append_only;
ALTER TABLE breakglass_authentication ENABLE ALWAYS TRIGGER authentication_is_append_only;

CREATE TRIGGER credential_is_frozen BEFORE UPDATE ON breakglass_credential
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for(
    'name', 'sign_count', 'last_used_at', 'revoked_at', 'revoked_by');
CREATE TRIGGER credential_stays BEFORE DELETE ON breakglass_credential
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER credentialnotice_is_append_only BEFORE UPDATE OR DELETE ON breakglass_credentialnotice
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER identity_is_frozen BEFORE UPDATE ON breakglass_identity
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('unlinked_at');
CREATE TRIGGER identity_stays BEFORE DELETE ON breakglass_identity
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER reanchor_is_frozen BEFORE UPDATE ON breakglass_reanchor
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('confirmed_by_id', 'confirmed_at', 'dropped_at');
CREATE TRIGGER reanchor_stays BEFORE DELETE ON breakglass_reanchor
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();
CREATE TRIGGER export_stays BEFORE DELETE ON breakglass_export
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();

-- A time that was written down once is never cleared or moved.
CREATE FUNCTION bg_set_once() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  was jsonb := to_jsonb(OLD);
  becomes jsonb := to_jsonb(NEW);
  name text;
BEGIN
  FOREACH name IN ARRAY TG_ARGV LOOP
    IF was -> name NOT IN ('null'::jsonb, '""'::jsonb) AND becomes -> name IS DISTINCT FROM was -> name THEN
      RAISE EXCEPTION '% of % is set once', name, TG_TABLE_NAME
        USING ERRCODE = 'integrity_constraint_violation';
    END IF;
  END LOOP;
  RETURN NEW;
END $$;
CREATE TRIGGER credential_is_revoked_once BEFORE UPDATE ON breakglass_credential
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('revoked_at', 'revoked_by');
CREATE TRIGGER identity_is_unlinked_once BEFORE UPDATE ON breakglass_identity
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('unlinked_at');
CREATE TRIGGER reanchor_is_decided_once BEFORE UPDATE ON breakglass_reanchor
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('confirmed_by_id', 'confirmed_at', 'dropped_at');
CREATE TRIGGER countersignature_is_flagged_once BEFORE UPDATE ON breakglass_countersignature
  FOR EACH ROW EXECUTE FUNCTION bg_set_once('statement_id', 'due_at', 'signed_at', 'flagged_at');
CREATE TRIGGER countersignature_stays BEFORE DELETE ON breakglass_countersignature
  FOR EACH ROW EXECUTE FUNCTION bg_append_only();

DROP TRIGGER checkpoint_is_frozen ON breakglass_checkpoint;
CREATE TRIGGER checkpoint_is_frozen BEFORE UPDATE ON breakglass_checkpoint
  FOR EACH ROW EXECUTE FUNCTION bg_frozen_but_for('published_at', 'sent_at', 'send_error');

-- As before, but people are compared and not accounts: of two that were merged neither
-- approves for the other. And where the tier asks for a passkey, there is one of theirs.
CREATE OR REPLACE FUNCTION bg_approval_is_valid() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1
    FROM breakglass_bypassrequest r
    JOIN breakglass_tier t ON t.id = r.tier_id
    JOIN breakglass_user u ON u.id = NEW.approver_id
    JOIN breakglass_user asked ON asked.id = r.requester_id
    JOIN breakglass_bundle b ON b.id = NEW.bundle_id
    JOIN breakglass_intent i ON i.id = b.intent_id
    WHERE r.id = NEW.request_id AND r.state = 'pending' AND r.digest = NEW.digest
      AND coalesce(asked.merged_into_id, asked.id) <> coalesce(u.merged_into_id, u.id)
      AND u.kind = 'human' AND u.is_active
      AND i.kind = 'approval' AND i.signer_id = NEW.approver_id
      AND i.request_id = r.id AND i.ttl_seconds = NEW.ttl_seconds
      AND NEW.ttl_seconds <= r.ttl_seconds
      AND ((NOT t.passkey_required AND b.signed_by = 'instance') OR EXISTS (
        SELECT 1 FROM breakglass_assertion a
          JOIN breakglass_credential c ON c.id = a.credential_id
          WHERE a.intent_id = i.id AND c.user_id = NEW.approver_id));
  IF NOT FOUND THEN
    RAISE EXCEPTION 'approval violates the second-person rule or lacks its passkey'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- As before, and under the outage fallback one more than the tier asks.
CREATE OR REPLACE FUNCTION bg_grant_has_quorum() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  needed bigint;
  standing bigint;
  shortest bigint;
  offline bigint;
  bare bigint;
BEGIN
  SELECT sum(q.count) INTO needed
    FROM breakglass_bypassrequest r
    JOIN breakglass_requirement q ON q.tier_id = r.tier_id
    WHERE r.id = NEW.request_id AND r.tenant_id = NEW.tenant_id AND r.gate_id = NEW.gate_id
      AND r.service = NEW.service AND r.branch = NEW.branch AND r.artifact = NEW.artifact;
  SELECT count(DISTINCT coalesce(u.merged_into_id, u.id)), min(a.ttl_seconds),
         count(*) FILTER (WHERE b.signed_by <> 'instance'),
         count(*) FILTER (WHERE s.id IS NULL)
    INTO standing, shortest, offline, bare
    FROM breakglass_approval a
    JOIN breakglass_user u ON u.id = a.approver_id
    JOIN breakglass_bundle b ON b.id = a.bundle_id
    LEFT JOIN breakglass_assertion s ON s.intent_id = b.intent_id
    WHERE a.request_id = NEW.request_id;
  IF needed IS NULL OR NEW.quorum < needed OR standing < NEW.quorum
     OR NEW.ttl_seconds > shortest THEN
    RAISE EXCEPTION 'grant without its quorum' USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF offline > 0 AND NEW.assurance <> 'offline_quorum' THEN
    RAISE EXCEPTION 'a grant on the outage fallback says so'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF NEW.assurance = 'offline_quorum'
     AND (NEW.quorum < needed + 1 OR bare > 0 OR NEW.ttl_seconds > 3600) THEN
    RAISE EXCEPTION 'the outage fallback is stricter, not easier'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END $$;

-- A grant and its entry are one transaction: by the commit the log names it.
CREATE FUNCTION bg_grant_is_in_the_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM 1 FROM breakglass_auditentry e
    JOIN breakglass_bypassrequest r ON r.id = NEW.request_id
    WHERE e.tenant_id = NEW.tenant_id AND e.bypass_id = r.bypass_id
      AND e.event = 'grant.issued';
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a grant without its entry in the log'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER grant_is_in_the_log AFTER INSERT ON breakglass_grant
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION bg_grant_is_in_the_log();
ALTER TABLE breakglass_grant ENABLE ALWAYS TRIGGER grant_is_in_the_log;
