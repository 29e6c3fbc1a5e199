# Add `bypassed` to the rules that allow a deploy; its input has service, branch and
# deploy_id. A dry run: a policy may be evaluated at any time. Never set force_cache.
package breakglass

import rego.v1

answer := http.send({
	"method": "POST",
	"url": "https://breakglass.example.com/api/v1/decisions",
	"headers": {
		"Content-Type": "application/json",
		"Authorization": concat(" ", ["Bearer", opa.runtime().env.BREAKGLASS_TOKEN]),
	},
	"body": {
		"gate": "prod-deploy",
		"service": object.get(input, "service", "checkout"),
		"branch": object.get(input, "branch", ""),
		"deploy_id": input.deploy_id,
		"dry_run": true,
	},
	"timeout": "2s",
	"raise_error": false,
})

default bypassed := false

bypassed if {
	answer.status_code == 200
	answer.body.decision == "bypass"
	time.parse_rfc3339_ns(answer.body.expires_at) > time.now_ns()
}
