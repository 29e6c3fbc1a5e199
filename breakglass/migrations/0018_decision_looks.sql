-- What a decision looks at (queries/deciding.py). Functions, since a session keeps the
-- plans of their statements: planning this anew took most of a decision's time. One
-- plan for all: a service with many closed grants would be given another, which reads
-- every open grant of everybody.
-- One row at least; `grant_id` is null where no grant is in question. `now` is read in
-- the statement that follows the locks, so it is never the time before the wait.
CREATE FUNCTION bg_decision_look(of_gate bigint, of_service text, of_deploy text)
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
BEGIN
  RETURN QUERY
  SELECT c.at, c.version, f.* FROM (
    SELECT bg_now() AS at, (
      SELECT p.version FROM breakglass_policy p JOIN breakglass_gate g ON g.id = of_gate
      WHERE p.tenant_id = g.tenant_id AND p.state = 'published'
      ORDER BY p.version DESC LIMIT 1) AS version
  ) c LEFT JOIN LATERAL (
    SELECT s.read_only_at IS NOT NULL, a.id, a.state::text, r.bypass_id::text,
      a.service::text, a.branch::text, a.artifact::text, a.starts_at, a.expires_at,
      a.max_deploys,
      CASE WHEN a.max_deploys IS NULL THEN 0 ELSE (
        SELECT count(*) FROM breakglass_deploy n WHERE n.grant_id = a.id) END,
      a.digest_required, a.assurance::text,
      d.id, d.service::text, d.branch::text, d.artifact::text, d.state::text
    FROM breakglass_grant a
    JOIN breakglass_bypassrequest r ON r.id = a.request_id
    LEFT JOIN breakglass_logstanding s ON s.tenant_id = a.tenant_id
    LEFT JOIN breakglass_deploy d
      ON d.grant_id = a.id AND d.gate_id = of_gate AND d.deploy_id = of_deploy
    WHERE a.id IN (
      SELECT o.id FROM breakglass_grant o
      WHERE o.gate_id = of_gate AND o.service = of_service AND o.state = 'active'
      UNION
      SELECT k.grant_id FROM breakglass_deploy k
      WHERE k.gate_id = of_gate AND k.deploy_id = of_deploy)
  ) f ON true;
END $$;

-- The same after the grants' locks, in the order of their keys. A statement of a
-- volatile function sees what was committed while the one before it waited.
CREATE FUNCTION bg_decision_lock(
  of_gate bigint, of_service text, of_deploy text, grants bigint[])
RETURNS TABLE (
  now timestamptz, policy_version integer, is_read_only boolean, grant_id bigint,
  state text, bypass_id text, service text, branch text, artifact text,
  starts_at timestamptz, expires_at timestamptz, max_deploys integer, used bigint,
  digest_required boolean, assurance text,
  deploy_key bigint, deploy_service text, deploy_branch text, deploy_artifact text,
  deploy_state text)
LANGUAGE plpgsql VOLATILE SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
  PERFORM 1 FROM breakglass_grant a WHERE a.id = ANY(grants)
    ORDER BY a.id FOR NO KEY UPDATE;
  RETURN QUERY SELECT * FROM bg_decision_look(of_gate, of_service, of_deploy);
END $$;
