"""What somebody pastes into a post-mortem is text, never a program."""

import pytest

from breakglass.services import grants
from tests.browser.steps import expect, postmortem_url, write_up

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

HOSTILE = """
<script>window.pwned = 'script'</script>
<img src="x" onerror="window.pwned = 'image'">
<svg onload="window.pwned = 'svg'"></svg>
[press me](javascript:window.pwned='link')
![picture](javascript:window.pwned='picture')
[with spaces](  java\tscript:window.pwned='spaces')
<a href="javascript:window.pwned='raw'" onclick="window.pwned='click'">raw link</a>
The honest end of the text.
"""


def harmless(page, part):
    expect(part).to_contain_text("The honest end of the text.")
    assert part.locator("script, img[onerror], svg, [onclick], [onload]").count() == 0
    for link in part.locator("a").all():
        assert "script:" not in link.get_attribute("href")
    assert page.evaluate("window.pwned ?? null") is None


def test_pasted_programs_never_run(open_page, people, acme, active_grant):
    bypass = active_grant.request
    grants.revoke(
        tenant=acme,
        bypass_id=bypass.bypass_id,
        person=people.oncall,
        reason="<script>window.pwned = 'reason'</script>",
    )
    page = open_page(people.oncall)
    page.goto(postmortem_url(bypass))
    write_up(page, HOSTILE)

    page.locator("[name=preview]").first.click()
    harmless(page, page.locator("#preview-0"))

    page.get_by_label("What is to be done").first.fill("<img src=x onerror=pwned=1>")
    page.get_by_role("button", name="Save and publish").click()
    harmless(page, page.locator("article"))
    expect(page.locator("main")).to_contain_text("<img src=x onerror=pwned=1>")
