-- Locks the grants in question, in the order of their keys, and then looks at them. A
-- statement of a volatile function sees what was committed while the one before it
-- waited; a grant that came in between is not locked, and is left out: no row is
-- returned where that leaves nothing to judge.
DROP FUNCTION bg_decision_lock(bigint, text, text, bigint[]);
CREATE FUNCTION bg_decision_take(of_gate bigint, of_service text, of_deploy text)
RETURNS TABLE (
  now timestamptz, policy_version integer, is_read_only boolean, grant_id bigint,
  state text, bypass_id text, service text, branch text, artifact text,
  starts_at timestamptz, expires_at timestamptz, max_deploys integer, used bigint,
  digest_required boolean, assurance text,
  deploy_key bigint, deploy_service text, deploy_branch text, deploy_artifact text,
  deploy_state text)
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE held bigint[];
BEGIN
  held := ARRAY(
    SELECT a.id FROM breakglass_grant a
    WHERE a.id IN (
      SELECT o.id FROM breakglass_grant o
      WHERE o.gate_id = of_gate AND o.service = of_service AND o.state = 'active'
      UNION
      SELECT k.grant_id FROM breakglass_deploy k
      WHERE k.gate_id = of_gate AND k.deploy_id = of_deploy)
    ORDER BY a.id FOR NO KEY UPDATE);
  RETURN QUERY
    SELECT l.* FROM bg_decision_look(of_gate, of_service, of_deploy) l
    WHERE l.grant_id IS NULL OR l.grant_id = ANY(held);
END $$;
