"""Reading price files: what is right is read, whatever is wrong is named."""

import hashlib
import json
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.errors import PriceCacheCorrupt
from costmodel.pricing.book import PriceBook
from costmodel.pricing.price import PriceQuery, PriceTier
from costmodel.pricing.snapshot import (
    PRICE_COLUMNS,
    PriceFile,
    decimal,
    ladder,
    partition_path,
    read_manifest,
    read_rows,
    sealed,
)
from costmodel.shipped import shipped

EC2 = "AmazonEC2/eu-west-1.csv"
QUERY = PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.large")


@pytest.fixture
def folder(tmp_path) -> Path:
    """A copy of the shipped manifest and of two of its files."""
    for name in ("manifest.json", EC2, "free_tier.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(shipped("pricing_cache") / name, tmp_path / name)
    return tmp_path


def test_paths():
    assert partition_path("AmazonEC2", "eu-west-1") == "AmazonEC2/eu-west-1.csv"
    assert partition_path("AmazonEC2", "eu-west-1", "reserved") == "AmazonEC2/eu-west-1.reserved.csv"
    assert partition_path("AmazonCloudFront", "edge:south_africa") == "AmazonCloudFront/edge-south_africa.csv"


def test_only_the_file_that_is_asked_for_is_read(folder):
    book = PriceBook(folder)
    assert book.price(QUERY).tiers == (PriceTier(Decimal(0), None, Decimal("0.091")),)
    (folder / EC2).unlink()
    assert book.price(PriceQuery("AmazonEC2", "eu-west-1", "BoxUsage:m7g.xlarge")).pricing_unit == "Hrs"


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"0.091", b"0.019", 1),
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: b"",
    ],
    ids=["cut short", "one figure changed", "line ends changed", "empty"],
)
def test_a_changed_file_is_corrupt(folder, damage):
    path = folder / EC2
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PriceCacheCorrupt) as error:
        PriceBook(folder).price(QUERY)
    assert str(error.value) == (
        f"{path}: changed or cut short since the manifest was written. "
        "Reinstall costmodel if this is its snapshot; if it is a refreshed book, delete the folder and refresh again."
    )


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("prices")
    content = bytearray((shipped("pricing_cache") / "CloudFrontPlans/global.csv").read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    (folder / "CloudFrontPlans").mkdir()
    (folder / "CloudFrontPlans/global.csv").write_bytes(content)
    shutil.copy(shipped("pricing_cache") / "manifest.json", folder)
    with pytest.raises(PriceCacheCorrupt, match=r"CloudFrontPlans.global\.csv: changed"):
        PriceBook(folder).price(PriceQuery("CloudFrontPlans", "global", "Pro", term="FlatRate"))


def test_verify_looks_at_every_file(tmp_path):
    folder = tmp_path / "cache"
    shutil.copytree(shipped("pricing_cache"), folder)
    PriceBook(folder).verify()
    (folder / "spot_savings.csv").write_text("cut")
    with pytest.raises(PriceCacheCorrupt, match=r"spot_savings\.csv: changed"):
        PriceBook(folder).verify()


def test_a_missing_file_or_manifest_is_named(folder):
    (folder / EC2).unlink()
    with pytest.raises(PriceCacheCorrupt, match=r"eu-west-1\.csv: No such file or directory\. Reinstall"):
        PriceBook(folder).price(QUERY)
    (folder / "manifest.json").unlink()
    with pytest.raises(PriceCacheCorrupt, match=r"manifest\.json: No such file or directory\. Reinstall"):
        PriceBook(folder)


def rewrite(folder: Path, change) -> None:
    path = folder / "manifest.json"
    document = json.loads(path.read_bytes())
    document.pop("checksum")
    change(document)
    path.write_bytes(sealed(document))


def test_a_manifest_of_another_format_is_refused(folder):
    rewrite(folder, lambda document: document.update(format_version=1))
    with pytest.raises(PriceCacheCorrupt, match="format version 1, this costmodel reads version 2"):
        PriceBook(folder)


def test_a_manifest_in_another_currency_is_refused(folder):
    rewrite(folder, lambda document: document.update(currency="CNY"))
    with pytest.raises(PriceCacheCorrupt, match="prices in CNY, not in USD"):
        PriceBook(folder)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_changed_byte_of_the_manifest_is_noticed(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("prices")
    content = bytearray((shipped("pricing_cache") / "manifest.json").read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(PriceCacheCorrupt, match=r"manifest\.json"):
        read_manifest(folder)


def test_a_manifest_without_the_free_tier_is_refused_when_asked_for_it(folder):
    rewrite(folder, lambda document: document.update(files=[]))
    with pytest.raises(PriceCacheCorrupt, match=r"does not list free_tier\.csv"):
        _ = PriceBook(folder).allowances


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, deadline=None)
@given(
    field=st.sampled_from(
        ["format_version", "book_date", "currency", "regions", "note", "files", "file", "file field"]
    ),
    value=json_values,
)
def test_a_manifest_is_read_or_refused_never_half_understood(tmp_path_factory, field, value):
    folder = tmp_path_factory.mktemp("prices")
    shutil.copy(shipped("pricing_cache") / "manifest.json", folder)

    def change(document):
        if field == "file":
            document["files"][0] = value
        elif field == "file field":
            document["files"][0]["rows"] = value
        else:
            document[field] = value

    rewrite(folder, change)
    try:
        manifest = read_manifest(folder)
    except PriceCacheCorrupt as error:
        assert "manifest.json" in str(error)  # noqa: PT017
    else:
        assert all(isinstance(file, PriceFile) and isinstance(file.rows, int) for file in manifest.files)
        assert all(isinstance(text, str) for text in (manifest.book_date, manifest.note, *manifest.regions))


@pytest.mark.parametrize("content", ["", "[]", "{}", "not json", "\x00"])
def test_a_manifest_that_is_none_is_refused(tmp_path, content):
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(PriceCacheCorrupt, match="not a price manifest"):
        PriceBook(tmp_path)


def price_file(folder: Path, content: str) -> PriceFile:
    (folder / "prices.csv").write_text(content)
    digest = hashlib.sha256(content.encode()).hexdigest()
    day = "2025-01-01"
    return PriceFile("prices.csv", "prices", "S", "r", 1, digest, day, day, "snapshot", "", "")


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", f"{','.join(PRICE_COLUMNS)}\n1,2\n"])
def test_a_file_with_other_columns_is_corrupt_though_its_checksum_holds(tmp_path, content):
    with pytest.raises(PriceCacheCorrupt, match=r"prices\.csv: columns are not usage_type, attributes"):
        read_rows(tmp_path, price_file(tmp_path, content), PRICE_COLUMNS)


def test_a_price_that_is_no_ladder_is_corrupt_though_its_checksum_holds(folder):
    content = (folder / EC2).read_text().replace(",Hrs,0,Inf,0.091,", ",Hrs,0,Inf,free,")
    (folder / EC2).write_text(content)

    def trust(document):
        for file in document["files"]:
            if file["path"] == EC2:
                file["sha256"] = hashlib.sha256(content.encode()).hexdigest()

    rewrite(folder, trust)
    with pytest.raises(PriceCacheCorrupt, match=r"eu-west-1\.csv: 'free' is not a plain decimal"):
        PriceBook(folder).price(QUERY)


@pytest.mark.parametrize(
    "text", ["", " 1", "1 ", "1e3", "1E-7", "NaN", "Inf", "0x1", "1_000", "1.", ".5", "٣", "+1"]
)
def test_only_plain_decimals_are_numbers(text):
    with pytest.raises(ValueError, match="not a plain decimal"):
        decimal(text)


def test_decimals_are_exact():
    assert decimal("0.00005001") == Decimal("0.00005001")
    with pytest.raises(ValueError, match=r"-0\.1 is negative"):
        decimal("-0.1")


bounds = st.lists(st.decimals(1, 10**12, places=2), min_size=1, max_size=5, unique=True).map(sorted)


def steps_of(ends) -> list[tuple[str, str, str, str]]:
    starts = ["0", *(str(end) for end in ends)]
    return list(zip(starts, [*starts[1:], "Inf"], ["0.5"] * len(starts), [""] * len(starts), strict=True))


@given(bounds)
def test_a_ladder_starts_at_zero_is_contiguous_and_open(ends):
    tiers = ladder(steps_of(ends))
    assert tiers[0].begin == 0
    assert [tier.end for tier in tiers[:-1]] == [tier.begin for tier in tiers[1:]] == ends
    assert tiers[-1].end is None


@given(bounds, st.data())
def test_a_ladder_with_a_missing_or_doubled_step_is_refused(ends, data):
    steps = steps_of(ends)
    place = data.draw(st.integers(0, len(steps) - 1))
    with pytest.raises(ValueError, match="tier"):
        ladder(steps[:place] + steps[place + 1 :])
    with pytest.raises(ValueError, match="tier"):
        ladder([*steps[:place], steps[place], *steps[place:]])


def test_no_steps_are_no_ladder():
    with pytest.raises(ValueError, match="no price beyond 0"):
        ladder([])
    with pytest.raises(ValueError, match="a tier ends at 0, not after its start 0"):
        ladder([("0", "0", "1", "")])
