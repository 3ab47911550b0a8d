"""The pages as they come over HTTP: what they hold, who sees them, what hostile text does to them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx2
import pytest

import laurels.web
from laurels.web.pictures.theme import stylesheet
from laurels.web.report.pdf import REVIEW, compiled
from tests.http.conftest import StartServer
from tests.waiting import wait_until

PICTURES = ("streak", "level", "heatmap", "card")


def shown(response: httpx2.Response) -> tuple[int, dict[str, str], bytes]:
    """What a client sees, without the date and the request's id."""
    headers = {name: value for name, value in response.headers.items() if name not in ("date", "x-request-id")}
    return response.status_code, headers, response.content


class TestLearnerPage:
    def test_it_shows_what_the_dashboard_says(self, client: httpx2.Client) -> None:
        dashboard = client.get("/api/progress/dashboard/ada").json()
        text = client.get("/u/ada").text
        assert f'data-total-points="{dashboard["user"]["totalPoints"]}"' in text
        earned = re.findall(r'data-badge="([^"]+)"', text)
        assert sorted(earned) == sorted(badge["badgeId"] for badge in dashboard["badges"])

    def test_learning_began_with_the_first_event_and_not_when_it_was_sent(self, client: httpx2.Client) -> None:
        assert "Learning since Jan 10, 2026" in client.get("/u/ada").text

    def test_nothing_hostile_gets_into_it(self, client: httpx2.Client) -> None:
        for address in ("/u/bob", "/leaderboard", "/badges/first_run", "/embed/bob", "/embed/bob/card.svg"):
            text = client.get(address).text
            assert "&lt;script&gt;" in text
            assert "<script>alert" not in text

    def test_it_holds_no_inline_script_or_style(self, client: httpx2.Client) -> None:
        for address in ("/u/ada", "/leaderboard", "/badges", "/badges/mentor", "/badges/first_run", "/u/nobody"):
            text = client.get(address).text
            assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text), address

    def test_an_unknown_learner_is_not_found(self, client: httpx2.Client) -> None:
        assert client.get("/u/nobody").status_code == 404

    def test_a_learner_without_a_name_is_not_called_by_their_id(self, client: httpx2.Client) -> None:
        page = client.get("/u/nameless%40example.org")
        assert "nameless@example.org" not in re.sub(r'data-user="[^"]*"', "", page.text)

    def test_it_speaks_german_where_that_is_asked_for(self, client: httpx2.Client) -> None:
        by_header = client.get("/u/ada", headers={"Accept-Language": "de-AT,en;q=0.5"}).text
        assert '<html lang="de"' in by_header
        assert "Punkte" in by_header
        assert '<html lang="de"' in client.get("/u/ada?lang=de").text
        assert '<html lang="en"' in client.get("/u/ada?lang=xx", headers={"Accept-Language": "xx"}).text

    def test_past_the_framework_it_is_answered_as_by_it(self, client: httpx2.Client, start_server: StartServer) -> None:
        # Where answers have an envelope there is no fast path.
        with start_server(envelope="data").client() as routed:
            event = {"userId": "ada", "eventType": "code_run"}
            assert routed.post("/api/progress/event", json=event).is_success
            for path in ("/u/nobody", "/u/nobody?lang=de", "/u/%00", "/u/%ff", "/u/", "/u/a/b//"):
                for method in ("GET", "HEAD", "POST"):
                    direct, framework = (shown(each.request(method, path)) for each in (client, routed))
                    assert direct == framework, (method, path)
            direct, framework = (shown(each.get("/u/ada"))[1] for each in (client, routed))
            assert {**direct, "content-length": ""} == {**framework, "content-length": ""}

    def test_its_weight_stays_below_sixty_kilobytes(self, client: httpx2.Client) -> None:
        import gzip

        page = client.get("/u/ada").text
        parts = [page, *(client.get(path).text for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', page))]
        assert sum(len(gzip.compress(part.encode())) for part in parts) < 60 * 1024


class TestWhoSees:
    def test_a_stranger_cannot_tell_a_private_learner_from_none(self, start_server: StartServer) -> None:
        token = _token("ada")
        closed = start_server(jwt_secret="s" * 32, public="boards", users_record_events="true")
        with closed.client() as client:
            own = {"Authorization": f"Bearer {token}"}
            event = {"userId": "ada", "eventType": "code_run"}
            assert client.post("/api/progress/event", json=event, headers=own).is_success
            for address in ("/u/{}", "/embed/{}", "/embed/{}/card.svg", "/stream/u/{}"):
                there, none = (client.get(address.format(name)) for name in ("ada", "zoe"))
                assert (there.status_code, there.text.replace("ada", "zoe")) == (none.status_code, none.text)
                assert there.status_code == 404
            assert client.get("/badges").status_code == 401
            assert client.get("/leaderboard").status_code == 200
            assert client.get("/u/ada", headers=own).status_code == 200
            assert client.get("/u/zoe", headers=own).status_code == 404
            # No cache that many share may keep what strangers do not see.
            for address in ("/embed/ada/card.svg", "/embed/badge/mentor.svg", "/embed/ada", "/u/ada"):
                assert client.get(address, headers=own).headers["cache-control"] == "private, no-cache", address
            public = {"preferences": {"publicPage": True}}
            assert client.put("/api/progress/users/ada", json=public, headers=own).is_success
            for headers in (own, {}):
                shown = client.get("/embed/ada/card.svg", headers=headers)
                assert (shown.status_code, shown.headers["cache-control"]) == (200, "public, max-age=60")


def _token(user: str) -> str:
    import time

    from joserfc import jwt
    from joserfc.jwk import OctKey

    claims = {"sub": user, "exp": int(time.time()) + 600}
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("s" * 32))


class TestBadgePage:
    def test_it_names_the_first_and_the_latest_holders(self, client: httpx2.Client) -> None:
        text = client.get("/badges/first_run").text
        people = re.findall(r'<a class="person" href="/u/([^"]+)"', text)
        # Other tests have others earn it later.
        assert people[:2] == ["ada", "bob"]
        assert len(re.findall(r'<time class="quiet" datetime="\d{4}-\d\d-\d\d">', text)) == len(people)
        assert "The first to earn it" in text
        assert "Zuerst erhalten" in client.get("/badges/first_run?lang=de").text
        # Nobody has it.
        assert "The first to earn it" not in client.get("/badges/mentor").text

    def test_it_names_nobody_to_those_who_do_not_see_the_boards(self, start_server: StartServer) -> None:
        closed = start_server(jwt_secret="s" * 32, public="badges", users_record_events="true")
        with closed.client() as client:
            own = {"Authorization": f"Bearer {_token('ada')}"}
            event = {"userId": "ada", "eventType": "code_run"}
            assert client.post("/api/progress/event", json=event, headers=own).is_success
            wait_until(lambda: "The first to earn it" in client.get("/badges/first_run", headers=own).text)
            stranger = client.get("/badges/first_run")
            assert (stranger.status_code, 'class="person"' in stranger.text) == (200, False)


class TestPictures:
    @pytest.mark.parametrize("kind", PICTURES)
    @pytest.mark.parametrize("theme", ["auto", "light", "dark"])
    def test_each_is_a_document_of_its_own(self, client: httpx2.Client, kind: str, theme: str) -> None:
        answer = client.get(f"/embed/bob/{kind}.svg?theme={theme}&width=300")
        assert answer.headers["content-type"].startswith("image/svg+xml")
        root = ET.fromstring(answer.content)
        assert root.get("width") == "300"
        assert ("var(" in answer.text) is (theme == "auto")

    def test_it_is_not_sent_again_while_it_is_the_same(self, client: httpx2.Client) -> None:
        first = client.get("/embed/ada/level.svg")
        again = client.get("/embed/ada/level.svg", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/embed/badge/mentor.svg").headers["cache-control"] == "public, max-age=60"

    @pytest.mark.parametrize("width", ["00020" + 400 * "9", 5_000 * "1", "000099999999", "2001", "0", "-1", "٣٠٠"])
    def test_a_width_out_of_bounds_is_none(self, client: httpx2.Client, width: str) -> None:
        answer = client.get("/embed/badge/mentor.svg", params={"width": width})
        assert answer.status_code == 200
        assert answer.content == client.get("/embed/badge/mentor.svg").content

    def test_a_badge_has_one_and_a_wrong_name_none(self, client: httpx2.Client) -> None:
        assert client.get("/embed/badge/mentor.svg").status_code == 200
        assert client.get("/embed/badge/none.svg").status_code == 404
        assert client.get("/embed/badge/mentor").status_code == 404

    def test_an_iframe_may_hold_a_page_where_the_setting_says_so(self, client: httpx2.Client) -> None:
        answer = client.get("/embed/ada")
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert "x-frame-options" not in answer.headers
        assert client.get("/u/ada").headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("name", ["lang", "language", "period", "cursor"])
def test_a_board_repeats_nothing_that_names_none(client: httpx2.Client, name: str) -> None:
    assert "nope" * 9 not in client.get("/leaderboard", params={name: "nope" * 900}).text


@pytest.mark.parametrize("path", ["/u/bob", "/embed/bob"])
def test_a_page_in_a_language_that_there_is_not_is_the_one_that_is_kept(client: httpx2.Client, path: str) -> None:
    assert "lang=nope" not in client.get(f"{path}?lang=nope").text
    assert "lang=de" in client.get(f"{path}?lang=de").text


@pytest.mark.parametrize(
    "path",
    ["%00", "a%00.css", "pictures.css%00", "..%2f..%2fetc%2fpasswd", "%2e%2e/etc", "a/" * 5_000, "x" * 20_000],
    ids=["NUL", "NUL within", "NUL after", "up", "up by dots", "deep", "lengthy"],
)
def test_a_path_that_is_no_file_is_not_found(client: httpx2.Client, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_the_stylesheet_holds_the_palette_of_the_pictures() -> None:
    text = (Path(laurels.web.__file__).parent / "static" / "pictures.css").read_text("utf-8")
    assert text.partition("\n")[2] == stylesheet()


class TestDocuments:
    def test_the_report_is_a_tagged_pdf(self, client: httpx2.Client) -> None:
        answer = client.get("/api/progress/export/bob?format=pdf")
        assert answer.headers["content-type"] == "application/pdf"
        assert answer.content.startswith(b"%PDF-1.7")
        assert b"/MarkInfo" in answer.content

    def test_a_character_that_no_font_has_is_a_box(self) -> None:
        # The last is for private use and in no font of a system, the first in few.
        name = "Ada 中 \U0010fffd"
        data = {
            "language": "en",
            "rtl": False,
            "title": name,
            "made": {"year": 2026, "month": 11, "day": 30},
            "year": "2026",
            "name": name,
            "footer": "",
            "words": {"months": "Months", "badges": "Badges", "activity": "Activity"},
            "lines": [],
            "months": [["Jan", "0", 0]],
            "heatmap": {"svg": '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "alt": "Days"},
            "badges": [],
        }
        assert compiled(REVIEW, data).startswith(b"%PDF")

    def test_a_year_is_a_document_and_a_pdf(self, client: httpx2.Client) -> None:
        year = client.get("/api/progress/review/ada/2026").json()
        assert year["activeDays"] >= 9
        assert sum(month["events"] for month in year["months"]) == year["events"] == 24
        assert client.get("/api/progress/review/ada/2026?format=pdf&lang=de").content.startswith(b"%PDF")

    @pytest.mark.parametrize("year", ["26", "20 26", "0000", "２０２６"])
    def test_what_is_no_year_is_refused(self, client: httpx2.Client, year: str) -> None:
        assert client.get(f"/api/progress/review/ada/{year}").status_code == 422
