-- What an in-process snapshot of the decision path has to hear of. A notice is sent at
-- commit; it says that something changed, never what a decision is. An admitted deploy
-- sends none: notices of one database commit one after the other, and while its grant
-- is open the deploy's scope is asked about anyway.

-- 64 bits that stand for one deploy at one gate: queries/certainty.py has its twin.
CREATE FUNCTION bg_deploy_mark(gate bigint, deploy text) RETURNS bigint
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT ('x' || substr(md5(gate::text || '/' || deploy), 1, 16))::bit(64)::bigint
$$;

CREATE FUNCTION bg_notify_grant() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('breakglass_decisions', 'grant:' || NEW.id);
  RETURN NULL;
END $$;

CREATE FUNCTION bg_notify_askers() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  PERFORM pg_notify('breakglass_decisions', 'askers');
  RETURN NULL;
END $$;

CREATE TRIGGER grant_is_noticed AFTER INSERT OR UPDATE OF state ON breakglass_grant
  FOR EACH ROW EXECUTE FUNCTION bg_notify_grant();
CREATE TRIGGER gatetoken_is_noticed
  AFTER INSERT OR DELETE OR UPDATE OF gate_id, token_hash, expires_at, revoked_at
  ON breakglass_gatetoken FOR EACH STATEMENT EXECUTE FUNCTION bg_notify_askers();
CREATE TRIGGER gate_is_noticed
  AFTER UPDATE OF slug, tenant_id, is_active, turned_on_at, retired_at
  ON breakglass_gate FOR EACH STATEMENT EXECUTE FUNCTION bg_notify_askers();
CREATE TRIGGER tenant_is_noticed AFTER UPDATE OF is_active
  ON breakglass_tenant FOR EACH STATEMENT EXECUTE FUNCTION bg_notify_askers();
CREATE TRIGGER policy_is_noticed AFTER INSERT OR UPDATE OF state, version, tenant_id
  ON breakglass_policy FOR EACH STATEMENT EXECUTE FUNCTION bg_notify_askers();
