"""The page in a real browser: what a person sees, does, hears and is told."""

from __future__ import annotations

import base64
import io
import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from serve.clock import STAGES
from serve.segment import Segmenter
from serve.settings import Settings

SIZE = (120, 200)
PAINTED = "document.querySelector('#stage.painted')"
DONE = "document.querySelectorAll('.tile[data-status=done]').length"


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory, toy: SimpleNamespace) -> Path:
    path: Path = tmp_path_factory.mktemp("page") / "street é.png"
    path.write_bytes(toy.written(toy.photo(*SIZE)))
    return path


@pytest.fixture(scope="session")
def ids(segmenter: Segmenter, toy: SimpleNamespace) -> NDArray[np.uint8]:
    """The class of every pixel of that picture."""
    return np.asarray(segmenter.mask(toy.photo(*SIZE)))


@pytest.fixture
def seen(page: Any, picture: Path) -> Any:
    """The page with that picture and its mask."""
    page.choose(picture)
    page.until(PAINTED)
    return page


def canvas(page: Any, name: str) -> NDArray[np.uint8]:
    """The pixels of a canvas once its last frame is drawn, as RGBA."""
    data = page.js(
        "new Promise((seen) => requestAnimationFrame(() => requestAnimationFrame("
        f"() => seen(document.getElementById('{name}').toDataURL()))))"
    )
    with io.BytesIO(base64.b64decode(data.partition(",")[2])) as file:
        return np.asarray(Image.open(file).convert("RGBA"))


def places(shown: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.intp]:
    """Which (row, column) of a picture that fits the stage each canvas pixel sees; -1 is none."""
    scale = min(shown.shape[0] / size[0], shown.shape[1] / size[1])
    axes = []
    for room, length in zip(shown.shape[:2], size, strict=True):
        place = np.floor((np.arange(room) + 0.5 - (room - length * scale) / 2) / scale)
        axes.append(np.where((place >= 0) & (place < length), place, -1).astype(int))
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def expected(
    shown: NDArray[np.uint8], ids: NDArray[np.uint8], palette: Any, hidden: set[int]
) -> NDArray[np.uint8]:
    """The canvas as it must be: each pixel in the colour of the class that it sees."""
    row, column = places(shown, ids.shape)
    table = np.array([(*c, 0 if i in hidden else 255) for i, c in enumerate(palette)], np.uint8)
    table[list(hidden)] = 0
    drawn = table[ids[row, column]]
    drawn[(row < 0) | (column < 0)] = 0
    return drawn


def middle(page: Any) -> tuple[float, float]:
    box = page.js("document.getElementById('stage').getBoundingClientRect().toJSON()")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def problem(status: int, detail: str, hint: str) -> tuple[int, dict[str, str], bytes]:
    body = json.dumps({"detail": detail, "hint": hint}).encode()
    return status, {"Content-Type": "application/problem+json"}, body


def test_every_pixel_of_the_mask_has_the_colour_of_its_class(
    seen: Any, ids: NDArray[np.uint8], toy: SimpleNamespace
) -> None:
    shown = canvas(seen, "mask")
    np.testing.assert_array_equal(shown, expected(shown, ids, toy.contract().palette, set()))


@pytest.mark.parametrize("event", ["drop", "paste"])
def test_a_picture_may_be_dropped_or_pasted(
    event: str, page: Any, picture: Path, ids: NDArray[np.uint8]
) -> None:
    page.drop(picture.read_bytes(), "street.png", "image/png", event)
    page.until(PAINTED)
    classes = int(page.js("document.querySelectorAll('#legend li').length"))
    assert classes == len(np.unique(ids))


def test_the_legend_says_the_share_of_each_class_the_largest_first(
    seen: Any, ids: NDArray[np.uint8], toy: SimpleNamespace
) -> None:
    rows = seen.js(
        "[...document.querySelectorAll('#legend .shown')].map((row) =>"
        " [row.querySelector('.name').textContent, row.querySelector('.number').textContent])"
    )
    counts = np.bincount(ids.ravel(), minlength=5)
    order = [int(index) for index in np.argsort(-counts) if counts[index]]
    assert [name for name, _ in rows] == [toy.contract().classes[index] for index in order]
    for index, (_, told) in zip(order, rows, strict=True):
        assert abs(float(told.removesuffix(" %")) - 100 * counts[index] / ids.size) <= 0.5


def test_the_legend_hides_a_class_leaves_one_alone_and_shows_all_again(
    seen: Any, ids: NDArray[np.uint8], toy: SimpleNamespace
) -> None:
    palette = toy.contract().palette
    there = set(np.unique(ids).tolist())
    first = int(seen.js("document.querySelector('#legend li').dataset.id"))
    for click, hidden, pressed in (
        ("#legend .shown", {first}, "false"),
        ("#all", set(), "true"),
        ("#legend .only", there - {first}, "true"),
        ("#legend .only", set(), "true"),
    ):
        seen.click(click)
        shown = canvas(seen, "mask")
        np.testing.assert_array_equal(shown, expected(shown, ids, palette, hidden))
        assert (
            seen.js("document.querySelector('#legend .shown').getAttribute('aria-pressed')")
            == pressed
        )


def test_opacity_mixes_mask_and_photo(
    seen: Any, ids: NDArray[np.uint8], toy: SimpleNamespace
) -> None:
    x, y = (int(place) for place in middle(seen))
    colour = np.array(toy.contract().palette[ids[SIZE[0] // 2, SIZE[1] // 2]], float)
    at = {}
    for percent in (0, 30, 100):
        seen.js(
            f"opacity.value = {percent}; opacity.dispatchEvent(new Event('input'));"
            "Promise.all(document.getAnimations().map((each) => each.finished))"
        )
        screen = np.asarray(Image.open(io.BytesIO(seen.screenshot())).convert("RGB"))
        at[percent] = screen[y, x].astype(float)
        assert seen.text("#opacity-told") == f"{percent} %"
    np.testing.assert_array_equal(at[100], colour)
    assert np.abs(at[0] - toy.photo(*SIZE)[SIZE[0] // 2, SIZE[1] // 2]).max() <= 20
    assert np.abs(at[30] - (0.7 * at[0] + 0.3 * colour)).max() <= 3


def test_before_and_after_takes_the_mask_off_one_side(seen: Any) -> None:
    seen.click("#compare")
    seen.js("split.value = 25; split.dispatchEvent(new Event('input'))")
    assert seen.js("getComputedStyle(mask).clipPath") == "inset(0px 0px 0px 25%)"
    seen.click("#compare")
    assert seen.js("getComputedStyle(mask).clipPath + split.hidden") == "nonetrue"


def test_the_pointer_names_the_class_under_it(
    seen: Any, ids: NDArray[np.uint8], toy: SimpleNamespace
) -> None:
    x, y = middle(seen)
    seen.mouse("mouseMoved", x, y)
    seen.until("!under.hidden")
    under = int(ids[SIZE[0] // 2, SIZE[1] // 2])
    assert seen.text("#under").startswith(f"{toy.contract().classes[under]} ")
    assert seen.text("#under").endswith(" %")
    assert int(seen.js("document.querySelector('.row.marked').dataset.id")) == under
    seen.mouse("mouseMoved", 5, 5)
    seen.until("under.hidden")


def test_wheel_and_buttons_zoom_and_a_drag_moves(
    seen: Any, ids: NDArray[np.uint8], toy: SimpleNamespace
) -> None:
    x, y = middle(seen)
    fitted = canvas(seen, "mask")
    before = seen.text("#zoom")
    seen.mouse("mouseWheel", x, y, deltaX=0, deltaY=-600)
    seen.until(f"zoom.textContent !== '{before}'")
    near = canvas(seen, "mask")
    # Nearer, the picture fills the stage and the pixel in the middle is the same.
    assert near[..., 3].all()
    height, width = near.shape[:2]
    colour = toy.contract().palette[ids[SIZE[0] // 2, SIZE[1] // 2]]
    assert tuple(near[height // 2, width // 2, :3]) == colour
    seen.mouse("mousePressed", x, y, button="left", buttons=1, clickCount=1)
    seen.mouse("mouseMoved", x - 40, y - 30, button="left", buttons=1)
    seen.mouse("mouseReleased", x - 40, y - 30, button="left", clickCount=1)
    np.testing.assert_array_equal(canvas(seen, "mask")[:-30, :-40], near[30:, 40:])
    seen.click("#fit")
    np.testing.assert_array_equal(canvas(seen, "mask"), fitted)


def test_the_keyboard_alone_leads_from_an_empty_page_to_a_class(
    page: Any, toy: SimpleNamespace
) -> None:
    reached = []
    for _ in range(3):
        page.press("Tab", 9)
        reached.append(page.js("document.activeElement.id"))
    assert reached == ["choose", "camera", "sample"]
    page.press("Enter", 13, "\r")
    page.until(PAINTED)
    page.until("document.activeElement.id === 'surface'")
    before = page.text("#zoom")
    for key, code in (("+", 187), ("ArrowLeft", 37)):
        page.press(key, code)
    page.until(f"zoom.textContent !== '{before}'")
    page.until("told.textContent === under.textContent")
    assert page.text("#told").rsplit(" ", 2)[0] in toy.contract().classes
    page.press("0", 48)
    page.until(f"zoom.textContent === '{before}'")


def test_times_of_all_stages_and_the_round_trip_are_told(seen: Any) -> None:
    told = seen.js(
        "[...document.querySelectorAll('#stages li')].map((row) =>"
        " [...row.querySelectorAll('span')].map((each) => each.textContent))"
    )
    assert [name for name, _ in told] == [*STAGES, "on the way"]
    assert all(took.endswith((" ms", " s")) for _, took in told)
    assert seen.js("document.querySelectorAll('#bar i').length") == len(told)
    assert all(f"{name} {took}" in seen.js("bar.ariaLabel") for name, took in told)
    assert seen.text("#trip").endswith("round trip")


def test_the_python_of_the_same_request_runs_and_gives_the_mask(
    seen: Any,
    picture: Path,
    ids: NDArray[np.uint8],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(picture.parent)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    seen.click("[name=tongue][value=python]")
    seen.until("snippet.textContent.includes('Client')")
    names: dict[str, Any] = {}
    exec(seen.text("#snippet"), names)
    np.testing.assert_array_equal(names["answer"].mask, ids)


def test_the_curl_of_the_same_request_is_quoted_for_a_shell(seen: Any, client: Any) -> None:
    address = str(client.base_url.join("/segment?format=png"))
    words = shlex.split(seen.text("#snippet").replace("\\\n", ""))
    assert words == [
        *("curl", "--data-binary", "@street é.png"),
        *(address, "-o", "street é-mask.png"),
    ]


def test_several_pictures_are_a_strip_of_which_one_is_looked_at(
    page: Any, picture: Path, tmp_path: Path, toy: SimpleNamespace
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(toy.written(toy.photo(80, 60), "JPEG"))
    page.choose(picture, other)
    page.until(f"{DONE} === 2")
    page.until(PAINTED)
    shape = canvas(page, "mask")[..., 3].any(0).sum()
    page.js("document.querySelectorAll('.look')[1].click()")
    page.until("told.textContent.startsWith('other.jpg')")
    assert canvas(page, "mask")[..., 3].any(0).sum() < shape
    page.click(".away")
    page.until("document.querySelectorAll('.tile').length === 1")
    page.click(".away")
    page.until("!welcome.hidden")


def test_a_photo_with_an_orientation_lies_under_its_mask_upright(
    page: Any, toy: SimpleNamespace, tmp_path: Path
) -> None:
    turned = tmp_path / "turned.jpg"
    tag = Image.Exif()
    tag[0x0112] = 6
    turned.write_bytes(toy.written(toy.photo(60, 100), "JPEG", exif=tag))
    page.choose(turned)
    page.until(PAINTED)
    photo, mask = canvas(page, "photo")[..., 3], canvas(page, "mask")[..., 3]
    assert (photo > 0).any(0).sum() < (photo > 0).any(1).sum()
    # The photo's edge may be soft, the mask's is not.
    assert ((photo > 127) != (mask > 0)).mean() < 0.01


def test_the_camera_gives_a_picture(page: Any) -> None:
    page.click("#camera")
    page.until("booth.open && video.videoWidth")
    page.click("#shoot")
    page.until(PAINTED)
    assert "camera-" in page.js("document.querySelector('.look').title")
    assert page.js("booth.open") is False


def saved(page: Any, format_name: str, folder: Path, name: str) -> bytes:
    """What the button of a format saves."""
    page.browser.call(
        "Browser.setDownloadBehavior",
        behavior="allow",
        downloadPath=str(folder),
        browserContextId=page.context,
    )
    page.click(f"#downloads [aria-label='Download {format_name}']")
    page.until(f"told.textContent === '{format_name} saved'")
    for _ in range(100):
        if (folder / name).exists():
            return (folder / name).read_bytes()
        page.browser.listen(0.05)
    raise AssertionError(f"{name} was not saved: {list(folder.iterdir())}")


def test_the_mask_is_saved_byte_for_byte(
    seen: Any, client: Any, picture: Path, tmp_path: Path
) -> None:
    file = saved(seen, "PNG", tmp_path, "street é-mask.png")
    assert file == client.post("/segment", content=picture.read_bytes()).content


def test_a_format_that_is_refused_is_told_beside_its_button(seen: Any) -> None:
    seen.pretend("*format=geojson*", lambda _: problem(400, "unknown format", "choose png"))
    seen.click("#downloads [aria-label='Download GeoJSON']")
    seen.until("document.getElementById('keep-told').innerText")
    assert seen.text("#keep-told") == "No GeoJSON: unknown format; choose png"
    assert not seen.js("document.querySelector('#downloads :disabled')")


@pytest.mark.parametrize("name", ["GeoJSON", "JSON"])
def test_other_formats_are_saved_as_the_server_answers_them(
    name: str, seen: Any, client: Any, picture: Path, tmp_path: Path
) -> None:
    file = saved(seen, name, tmp_path, f"street é.{name.lower()}")
    asked = {"format": name.lower()}
    answer = client.post("/segment", params=asked, content=picture.read_bytes())
    # What each took is never the same.
    plain, expected = ({**each, "milliseconds": None} for each in (json.loads(file), answer.json()))
    assert plain == expected


def test_what_is_no_picture_is_told_kindly_with_a_hint(page: Any) -> None:
    page.drop(b"hello", "notes.txt", "text/plain")
    page.until("!document.getElementById('problem').hidden")
    told = page.text("#problem")
    assert "No mask of notes.txt" in told
    assert "Not a JPEG, PNG, WebP, TIFF or BMP picture." in told
    assert "Convert it to one of these." in told
    page.js("[...document.querySelectorAll('#problem button')].at(-1).click()")
    page.until("!welcome.hidden")


def test_a_busy_server_is_told_with_its_hint_and_may_be_asked_again(
    page: Any, picture: Path
) -> None:
    answers = [problem(429, "40 pictures wait already", "come again in 2 s"), None]
    page.pretend("*/segment*", lambda _: answers.pop(0))
    page.choose(picture)
    page.until("!document.getElementById('problem').hidden")
    assert "40 pictures wait already." in page.text("#problem")
    assert "Come again in 2 s." in page.text("#problem")
    page.click("#problem button")
    page.until(PAINTED)
    assert page.js("document.getElementById('problem').hidden")


def test_a_server_that_was_stopped_is_told(
    new_tab: Any, model: Path, toy: SimpleNamespace, picture: Path
) -> None:
    with toy.running(Settings(models=(model,))) as client:
        page = new_tab(client.base_url)
    page.choose(picture)
    page.until("!document.getElementById('problem').hidden")
    assert "The server does not answer." in page.text("#problem")
    assert "Is it still running?" in page.text("#problem")


def test_a_key_is_asked_for_once_when_the_server_wants_one(page: Any, picture: Path) -> None:
    seen_keys = []

    def guard(asked: dict[str, Any]) -> Any:
        key = asked["headers"].get("Authorization")
        seen_keys.append(key)
        return None if key == "Bearer sesame" else problem(401, "a key is needed", "send it")

    page.pretend("*/segment*", guard)
    page.choose(picture, picture)
    page.until("gate.open")
    assert "A key is needed." in page.text("#gate")
    page.js("key.value = ' sesame '; key.form.requestSubmit()")
    page.until(f"{DONE} === 2")
    assert seen_keys[0] is None
    assert seen_keys[-1] == "Bearer sesame"
    assert page.js("[sessionStorage.length, localStorage.length, document.cookie].join()") == "1,0,"
    assert "sesame" not in page.text("#snippet")
    assert "$SOFTRES_KEY" in page.text("#snippet")


def test_among_several_models_one_is_chosen_and_the_picture_asked_for_anew(
    new_tab: Any, model: Path, toy: SimpleNamespace, picture: Path, tmp_path: Path
) -> None:
    other = toy.saved(tmp_path / "other.onnx", classes=3)
    with toy.running(Settings(models=(model, other))) as client:
        page = new_tab(client.base_url)
        page.choose(picture)
        page.until(PAINTED)
        names = page.js("[...document.querySelectorAll('#model option')].map((o) => o.value)")
        assert len(names) == 2
        page.js(f"model.value = '{names[1]}'; model.dispatchEvent(new Event('change'))")
        page.until("facts.textContent.includes('3 classes')")
        page.until(f"{DONE} === 1")
        page.until(f"snippet.textContent.includes('/models/{names[1]}/segment')")
        page.until("document.querySelectorAll('#legend li').length <= 3")


def test_nothing_is_complained_of_and_nothing_leaves_the_server(
    new_tab: Any, client: Any, picture: Path
) -> None:
    seen = new_tab(client.base_url)
    seen.choose(picture)
    seen.until(PAINTED)
    x, y = middle(seen)
    seen.mouse("mouseMoved", x, y)
    for button in ("#in", "#out", "#compare", "#legend .shown", "#copy", "#sample"):
        seen.click(button)
    seen.until(f"{DONE} === 2")
    assert seen.errors() == []
    addresses = [a for a in seen.requests() if not a.startswith(("blob:", "data:"))]
    assert len(addresses) > 10
    assert all(address.startswith(str(client.base_url)) for address in addresses), addresses


def test_every_control_has_a_name(seen: Any) -> None:
    seen.click("#compare")
    nodes = seen.call("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "slider", "combobox", "textbox", "radio", "link", "application", "toolbar"}
    controls = [
        (node["role"]["value"], node.get("name", {}).get("value", ""))
        for node in nodes
        if not node["ignored"] and node["role"]["value"] in roles
    ]
    assert len(controls) > 15
    assert [control for control in controls if not control[1].strip()] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_by_day_and_by_night(scheme: str, seen: Any) -> None:
    seen.prefer(prefers_color_scheme=scheme)
    names = ("ink", "soft", "accent", "on-accent", "wrong", "paper", "card", "fill")
    told = seen.js(
        "Object.fromEntries("
        f"{json.dumps(names)}.map((name) => [name, getComputedStyle(document.documentElement)"
        ".getPropertyValue(`--${name}`).trim()]))"
    )
    light = {name: luminance(colour) for name, colour in told.items()}
    pairs = [("on-accent", "accent"), ("accent", "card"), ("wrong", "card")]
    pairs += [(text, ground) for text in ("ink", "soft") for ground in ("paper", "card", "fill")]
    for text, ground in pairs:
        dark, bright = sorted((light[text], light[ground]))
        assert (bright + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def luminance(colour: str) -> float:
    """As WCAG defines it."""
    parts = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_a_phone_is_wide_enough(seen: Any) -> None:
    seen.resize(360, 740, 2, True)
    seen.click("#compare")
    assert seen.js("document.documentElement.scrollWidth") <= 360
    # What is touched is large enough to be hit.
    small = seen.js(
        "[...document.querySelectorAll('button, select')].filter((each) => each.offsetParent &&"
        " Math.min(each.offsetWidth, each.offsetHeight) < 24).map((each) => each.outerHTML)"
    )
    assert small == []
