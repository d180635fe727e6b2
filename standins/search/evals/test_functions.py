"""Each function on the examples of the Search Reference and on the edges that matter here.

Pages: "Comparison and Conditional functions", "Conversion functions", "Cryptographic functions", "Date and Time
functions", "Informational functions", "JSON functions", "Mathematical functions", "Multivalue eval functions",
"Statistical eval functions", "Text functions" and "Trig and Hyperbolic functions".
"""

from __future__ import annotations

import math
from typing import Any

import pytest

from standins.search.evals import FUNCTION_NAMES, EvalError, parse

MAIL = ("a.net", "b.com", "c.org", "d.net")
CASES: list[tuple[str, dict[str, Any], Any]] = [
    # Comparison and Conditional functions
    ('case(s==200, "OK", s==404, "Not found", s==500, "Internal Server Error")', {"s": "404"}, "Not found"),
    ('case(s==200, "OK", s==404, "Not found")', {"s": "408"}, None),
    ('case(s==200, "OK", true(), "Other")', {"s": "408"}, "Other"),
    ('case(s==200, "OK", s!=200, "Other")', {}, None),
    ('if(cidrmatch("123.132.32.0/25", ip), "local", "not local")', {"ip": "123.132.32.120"}, "local"),
    ('if(cidrmatch("123.132.32.0/25", ip), "local", "not local")', {"ip": "123.132.32.200"}, "not local"),
    ('if(cidrmatch("123.132.32.0/25", ip), "local", "not local")', {}, "not local"),
    ('cidrmatch("2001:db8::/32", ip)', {"ip": "2001:db8:1::1"}, True),
    ('cidrmatch("10.0.0.0/8", ip)', {"ip": "2001:db8:1::1"}, False),
    ('cidrmatch("10.0.0.0/8", ip)', {"ip": "host.example"}, False),
    ("coalesce(clientip, ipaddress)", {"ipaddress": "127.0.0.1"}, "127.0.0.1"),
    ("coalesce(clientip, ipaddress)", {"clientip": "", "ipaddress": "127.0.0.1"}, ""),
    ("coalesce(clientip, ipaddress)", {}, None),
    ('if(error == 200, "OK", "Error")', {"error": "200"}, "OK"),
    ('if(error == 200, "OK", "Error")', {}, "Error"),
    ('if(in(status, "404", "500", "503"), "true", "false")', {"status": "503"}, "true"),
    ('if(in(status, "404", "500", "503"), "true", "false")', {"status": "200"}, "false"),
    ('if(like(field, "addr%"), "yes", "no")', {"field": "address"}, "yes"),
    ('ip LIKE "198.%"', {"ip": "198.35.1.75"}, True),
    ('like("abc", "a_c") AND NOT like("abbc", "a_c") AND NOT like("ABC", "abc")', {}, True),
    (r'if(match(f, "^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"), 1, 0)', {"f": "10.9.165.8"}, 1),
    (r'if(match(f, "^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$"), 1, 0)', {"f": "x.10.9.165.8"}, 0),
    ('match(f, "b")', {"f": "abc"}, True),
    ("null()", {}, None),
    ("false() OR true()", {}, True),
    ("nullif(fieldA, fieldB)", {"fieldA": "x", "fieldB": "x"}, None),
    ("nullif(fieldA, fieldB)", {"fieldA": "x", "fieldB": "y"}, "x"),
    ("nullif(fieldA, fieldB)", {"fieldA": "x"}, "x"),
    (
        'validate(isint(port), "ERROR: not an integer", port >= 1 AND port <= 65535, "ERROR: out of range")',
        {"port": "x"},
        "ERROR: not an integer",
    ),
    ('validate(isint(port), "not an integer", port >= 1 AND port <= 65535, "range")', {"port": "70000"}, "range"),
    ('validate(isint(port), "not an integer", port >= 1 AND port <= 65535, "range")', {"port": "22"}, None),
    # Informational functions
    ("tostring(isbool(1==1)) . isbool2", {"isbool2": "!"}, "True!"),
    ("isint(n)", {"n": "5"}, True),
    ("isint(n)", {"n": "5.5"}, False),
    ("isnotnull(n)", {"n": "5"}, True),
    ("isnull(n)", {}, True),
    ("isnum(n)", {"n": "5.5"}, True),
    ("isstr(n)", {"n": "a"}, True),
    ("ismv(n)", {"n": ("a", "b")}, True),
    (
        'typeof(12) . typeof("string") . typeof(1==2) . typeof(badfield)',
        {},
        "NumberStringBooleanInvalid",
    ),
    # Conversion functions
    ('printf("%d-%s-%.2f-%x-%05d-%%", 12, "ab", 3.14159, 255, 42)', {}, "12-ab-3.14-ff-00042-%"),
    ('printf("%+4d|%-5s|%5s|%*d", 7, "a", "b", 4, 9)', {}, "  +7|a    |    b|   9"),
    ('printf("%c,%c", 65, "Foo") . printf("%d,%i,%d", -2, +4, 30)', {}, "A,F-2,4,30"),
    ('printf("%.2e|%.2f|%.2g,%.2g", 5139, pi(), pi(), 123)', {}, "5.14e+03|3.14|3.1,1.2e+02"),
    ('printf("%o|%s%z|%u|%x,%X,%p|100%%", 255, "foo", "bar", 99, 10, 10, 10)', {}, "377|foobar|99|a,A,A|100%"),
    ('printf("%\'d|%-4d|%04d|%+4d|%#x", 12345, 1, 1, 1, 1)', {}, "12,345|1   |0001|  +1|0x1"),
    ('printf("%*d|%.*f|%*.*e|%\'.2f", 5, 123, 1, 1.23, 9, 2, pi(), 1234.5)', {}, "  123|1.2| 3.14e+00|1,234.50"),
    ('tonumber("0101", 2)', {}, 5),
    ('tonumber("0A4", 16)', {}, 164),
    ("tonumber(store_sales)", {"store_sales": "15.5"}, 15.5),
    ("tonumber(store_sales)", {"store_sales": "many"}, None),
    ("tonumber(f, 8)", {"f": "18"}, None),
    ('tostring("5", "binary")', {}, "5"),
    ('tostring(1==1) . " " . tostring(15, "hex") . " " . tostring(12345.6789, "commas")', {}, "True 0xF 12,345.68"),
    ('tostring(615, "duration")', {}, "00:10:15"),
    ('tostring(93784, "duration")', {}, "1+02:03:04"),
    ('tostring(1000000, "commas")', {}, "1,000,000"),
    ('tostring(9, "binary")', {}, "1001"),
    ('tostring(name, "commas")', {"name": "x"}, "x"),
    # Cryptographic functions
    ('md5("abc")', {}, "900150983cd24fb0d6963f7d28e17f72"),
    ('sha1("abc")', {}, "a9993e364706816aba3e25717850c26c9cd0d89d"),
    ('sha256("abc")', {}, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ('substr(sha512("abc"), 1, 16)', {}, "ddaf35a193617aba"),
    # Mathematical functions
    ("abs(n)", {"n": "-5"}, 5),
    ("ceil(1.9) + ceiling(1.1)", {}, 4),
    ("exact(3.14 * n)", {"n": "2"}, 6.28),
    ("sigfig(1.00*1111)", {}, "1110"),
    ("exp(1000)", {}, "inf"),
    ("exp(0)", {}, 1),
    ("floor(1.9)", {}, 1),
    ("ln(exp(2))", {}, 2),
    ("log(100) + log(8, 2)", {}, 5),
    ("ln(0)", {}, "-inf"),
    ("pi() * 2", {}, 2 * 3.14159265358),
    ("pow(2, 10)", {}, 1024),
    ("round(3.5)", {}, 4),
    ("round(2.555, 2)", {}, 2.56),
    ("round(-2.5)", {}, -3),
    ("round(1234.5, -2)", {}, 1200),
    ("round(word)", {"word": "x"}, None),
    ("sqrt(9)", {}, 3),
    ("sqrt(-1)", {}, "nan"),
    # Statistical eval functions
    ('max(1, 3, 6, 7, "foo", field)', {"field": "9"}, "foo"),
    ('min(1, 3, 6, 7, "foo", field)', {"field": "-2"}, "-2"),
    ("max(1, absent, 3)", {}, 3),
    ("max(n)", {"n": ("3", "20", "5")}, "20"),
    ("sum(1, 2, n) + avg(2, 4)", {"n": "x"}, 6),
    ("avg(a, b, c)", {"a": "5.0", "b": "9"}, 7),
    ("avg(a, 2, 3)", {"a": "somedata"}, 2.5),
    ("max(n) . min(n)", {"n": ("1", "3", "5", "6", "4", "2")}, "61"),
    # Trig and Hyperbolic functions
    ("round(sin(pi()/6), 3) + cos(0) + tan(0) + asin(0) + acos(1) + atan(0)", {}, 1.5),
    ("sinh(0) + cosh(0) + tanh(0) + asinh(0) + acosh(1) + atanh(0) + atan2(0, 1) + hypot(3, 4)", {}, 6),
    # Text functions
    ("len(f)", {"f": "hello"}, 5),
    ("len(f)", {"f": "007"}, 3),
    ("lower(f) . upper(f)", {"f": "AbC"}, "abcABC"),
    ('ltrim(" ZZabcZZ ", " Z")', {}, "abcZZ "),
    ('rtrim(" ZZZZabcZZ ", " Z")', {}, " ZZZZabc"),
    ('trim(" ZZZZabcZZ ", " Z")', {}, "abc"),
    ("trim(f)", {"f": " \ta b\t "}, "a b"),
    (r'replace(date, "^(\d{1,2})/(\d{1,2})/", "\2/\1/")', {"date": "1/14/2023"}, "14/1/2023"),
    (r'replace(f, "(?<user>[^\\\\]+)\\\\", "[\1]")', {"f": "DOM\\ann"}, "[DOM]ann"),
    ('replace(f, "a", "\\d")', {"f": "cat"}, "c\\dt"),
    ('substr("string", 1, 3) . substr("string", -3)', {}, "string"),
    ('substr("splendid", 4)', {}, "endid"),
    ('urldecode("http%3A%2F%2Fwww.splunk.com%2Fdownload%3Fr%3Dheader")', {}, "http://www.splunk.com/download?r=header"),
    ("lower(f)", {"f": ("A", "B")}, ("a", "b")),
    ("length(f)", {"f": "tenderhoof"}, 10),
    ('replace(dst, ":.*", "")', {"dst": "54.81.233.206:443:X1"}, "54.81.233.206"),
    ('substr("abc", 0, 2) . substr("abc", -5, 3) . substr("abc", 0)', {}, "aaabc"),
    # Multivalue eval functions
    ('mvappend("localhost", srcip)', {"srcip": "10.1.1.1"}, ("localhost", "10.1.1.1")),
    ('mvappend(absent, "a")', {}, "a"),
    ("mvcount(f)", {"f": MAIL}, 4),
    ("mvcount(f)", {"f": "x"}, 1),
    ("mvcount(f)", {}, None),
    ("mvdedup(f)", {"f": ("b", "a", "b")}, ("b", "a")),
    (r'mvfilter(match(email, "\.net$") OR match(email, "\.org$"))', {"email": MAIL}, ("a.net", "c.org", "d.net")),
    (r'mvfind(f, "err\d+")', {"f": ("ok", "err5", "err6")}, 1),
    ('mvfind(f, "zzz")', {"f": ("ok", "err5")}, None),
    ("mvindex(f, 2)", {"f": MAIL}, "c.org"),
    ("mvindex(f, -1)", {"f": MAIL}, "d.net"),
    ("mvindex(f, 1, 2)", {"f": MAIL}, ("b.com", "c.org")),
    ("mvindex(f, 0, -2)", {"f": MAIL}, ("a.net", "b.com", "c.org")),
    ("mvindex(f, 9)", {"f": MAIL}, None),
    ("mvindex(f, 0, 9)", {"f": MAIL}, None),
    ("mvindex(f, -3, -1)", {"f": MAIL}, ("b.com", "c.org", "d.net")),
    ("mvindex(f, 0)", {"f": "one"}, "one"),
    ("mvindex(f, 1) + 1", {"f": ("1", "2")}, 3),
    ('mvjoin(f, "; ")', {"f": ("a", "b", "c")}, "a; b; c"),
    ("mvmap(n, n * 10)", {"n": ("1", "2")}, ("10", "20")),
    ('mvmap(n, "s" . n . k)', {"n": "1", "k": "!"}, "s1!"),
    ('mvmap(mvappend(n, m), x + 1, "x")', {"n": "1", "m": "5"}, ("2", "6")),
    ('mvreverse(mvappend("1", "2", "3"))', {}, ("3", "2", "1")),
    ("mvrange(1, 11, 2)", {}, ("1", "3", "5", "7", "9")),
    ('mvrange(1514834731, 1514834731 + 3 * 604800, "7d")', {}, ("1514834731", "1515439531", "1516044331")),
    ("mvsort(f)", {"f": ("b", "10", "9", "A")}, ("10", "9", "A", "b")),
    ('mvzip(hosts, ports, ":")', {"hosts": ("a", "b"), "ports": ("1", "2")}, ("a:1", "b:2")),
    ("mvzip(hosts, ports)", {"hosts": "a", "ports": "1"}, "a,1"),
    ("mvzip(hosts, ports)", {"hosts": ("a", "b", "c"), "ports": ("1", "2")}, ("a,1", "b,2")),
    ('split("a;b;c", ";")', {}, ("a", "b", "c")),
    ('split("abc", ";")', {}, "abc"),
    ('split("abcd", "")', {}, ("a", "b", "c", "d")),
    # JSON functions
    ('json_object("a", f, "n", 5, "ok", true(), "no", null())', {"f": "x"}, '{"a":"x","n":5,"ok":true,"no":null}'),
    ('json_array("a", 1, json_object("b", 2))', {}, '["a",1,{"b":2}]'),
    ('json_extract(j, "a.b")', {"j": '{"a":{"b":"c"}}'}, "c"),
    ('json_extract(j, "a{1}")', {"j": '{"a":[1,2]}'}, 2),
    ('json_extract(j, "a{}.n")', {"j": '{"a":[{"n":1},{"n":2}]}'}, "[1,2]"),
    ('json_extract(j, "x")', {"j": '{"a":1}'}, None),
    ('json_extract(j, "a", "b")', {"j": '{"a":1,"b":"x"}'}, '[1,"x"]'),
    ("json_extract(j)", {"j": '{"a": 1}'}, '{"a":1}'),
    ("json_extract(absent)", {}, None),
    ("json_keys(j)", {"j": '{"a":1,"b":2}'}, '["a","b"]'),
    ('json_set(j, "a.b", 5)', {"j": '{"a":{"b":1}}'}, '{"a":{"b":5}}'),
    ("json_valid(j)", {"j": "{}"}, True),
    ("json_valid(j)", {"j": "{"}, False),
    ("json_array_to_mv(j)", {"j": '["a","b"]'}, ("a", "b")),
    ("mv_to_json_array(f)", {"f": ("a", "b")}, '["a","b"]'),
    ("mv_to_json_array(f, true())", {"f": ('"Rarity"', "true", "null", "x")}, '["Rarity",true,null,null]'),
    ('spath(_raw, "vendor.product")', {"_raw": '{"vendor":{"product":"x"}}'}, "x"),
    ('spath(_raw, "list{}")', {"_raw": '{"list":["x","y"]}'}, ("x", "y")),
    ('spath(_raw, "list{0}")', {"_raw": "no json"}, None),
    # Date and Time functions; 1521467703 is Mon Mar 19 2018 13:55:03 UTC
    ("now() . time()", {}, "15214677031521467703"),
    ('relative_time(now(), "-1d@d")', {}, 1521331200),
    ('relative_time(now(), "@w0")', {}, 1521331200),
    ('relative_time(now(), "@w1")', {}, 1521417600),
    ('relative_time(now(), "@q")', {}, 1514764800),
    ('relative_time(now(), "-2h@h+5min")', {}, 1521460800 - 3600 + 300),
    ('relative_time(1522454400, "-1mon")', {}, 1519776000),
    ('relative_time(now(), "+1y@y")', {}, 1546300800),
    ('strftime(t, "%Y-%m-%dT%H:%M:%S.%Q %z")', {"t": "1521467703.049"}, "2018-03-19T13:55:03.049 +0000"),
    ('strftime(t, "%A %b %e %F %T %I:%M %p %j")', {"t": 1521467703}, "Monday Mar 19 2018-03-19 13:55:03 01:55 PM 078"),
    ('strftime(t, "%s %3N %6N %9N %%")', {"t": "1521467703.5"}, "1521467703 500 500000 500000000 %"),
    ('strftime(word, "%F")', {"word": "x"}, None),
    ('strptime("2018-08-13 11:22:33", "%Y-%m-%d %H:%M:%S")', {}, 1534159353),
    ('strptime("Aug 13 2018 01:22 PM -0700", "%b %d %Y %I:%M %p %z")', {}, 1534191720),
    ('strptime("1534159353", "%s")', {}, 1534159353),
    ('strptime("18-08-13T11:22:33.250Z", "%y-%m-%dT%H:%M:%S.%QZ")', {}, 1534159353.25),
    ('strptime("Mon Aug 13 06:00:00 2018", "%a %B %d %H:%M:%S.%N %Y")', {}, 1534140000),
    ('strptime("Mon 7/23/2022 17:19:01.89", "%a %m/%d/%Y %H:%M:%S.%N")', {}, 1658596741.89),
    ('strftime(t/pow(10,9), "%Y-%m-%dT%H:%M:%S.%Q")', {"t": "1521467703049000000"}, "2018-03-19T13:55:03.049"),
    ('strptime("nonsense", "%Y-%m-%d")', {}, None),
    ('strptime("2018-02-30", "%Y-%m-%d")', {}, None),
    ('if(searchmatch("x=hi y=*"), "yes", "no")', {"x": "HI", "y": "z"}, "yes"),
    (r'if(searchmatch("x IN (\"a b\", \"c\")"), "yes", "no")', {"x": "a b"}, "yes"),
    ('if(searchmatch("x=hi y=*"), "yes", "no")', {"x": "hi"}, "no"),
    ("if(!isnull(x) AND x==1, x, null())", {"x": "1"}, "1"),
]


@pytest.mark.parametrize(("expression", "row", "value"), CASES)
def test_function_yields_what_the_reference_shows(expression: str, row: dict[str, Any], value: Any) -> None:
    result = parse(expression).evaluate(row, now=1521467703)
    if isinstance(value, float) and not isinstance(result, (str, type(None))):
        assert isinstance(result, (int, float))
        assert math.isclose(result, value)
    else:
        assert result == value


REFUSED = {"random"}


def test_every_function_is_shown_here() -> None:
    shown = {name for name in FUNCTION_NAMES for expression, _, _ in CASES if f"{name}(" in expression.lower()}
    assert shown == FUNCTION_NAMES - REFUSED


@pytest.mark.parametrize("name", sorted(FUNCTION_NAMES - {"now", "time", "true", "false", "null", "pi"} - REFUSED))
def test_too_many_or_too_few_arguments_are_named(name: str) -> None:
    messages = []
    for arguments in ("", ", ".join(["a"] * 9)):
        try:
            parse(f"{name}({arguments})").evaluate({})
        except EvalError as error:
            messages.append(str(error))
    if name not in {"json_array", "json_object"}:
        assert messages
    assert all(f"{name}()" in message for message in messages)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ('match(a, "(")', "regular expression"),
        ('replace(a, "(1)", "\\2")', "replacement"),
        ('cidrmatch("10.0.0.0/99", a)', "not a network"),
        ('strftime(1, "%E")', "%E"),
        ('strptime("1", "%E")', "%E"),
        ('strftime(1, "%V")', "%V"),
        ('strptime("12:00", "%H:%M")', "no whole date"),
        ('relative_time(1, "1 day")', "not a relative time"),
        ('relative_time(1, "-1x")', "not a unit"),
        ('tostring(1, "roman")', "'roman'"),
        ("tonumber(a, 99)", "base"),
        ('substr("abc", 1, -1)', "negative length"),
        ('avg(1, 2, "3")', "takes no text"),
        ('tonumber("seven")', "cannot parse 'seven'"),
        ('replace(mv, "x", "y")', "not supported on multivalues"),
        ("md5(mv)", "not supported on multivalues"),
        ("mvrange(1, 5, 0)", "never ends"),
        ("mvfilter(a > b)", "exactly one field"),
        ('printf("%d %d", 1)', "fewer arguments"),
        ('printf("%q", 1)', "%q"),
        ('spath("<a/>", "a")', "XML"),
        ('json_extract("{}", "a..")', "not a path"),
    ],
)
def test_argument_that_cannot_be_meant_is_named(expression: str, message: str) -> None:
    with pytest.raises(EvalError, match=message):
        parse(expression).evaluate({"a": "1", "b": "2", "mv": ("x", "y")})


def test_spath_of_a_text_of_more_than_5000_bytes_is_refused_and_json_extract_reads_it() -> None:
    fits, longer = ('{"a":"' + "ä" * count + '"}' for count in (2496, 2497))
    assert parse('spath(j, "a")').evaluate({"j": fits}) == "ä" * 2496
    with pytest.raises(EvalError, match="first 5000 bytes"):
        parse('spath(j, "a")').evaluate({"j": longer})
    assert parse('json_extract(j, "a")').evaluate({"j": longer}) == "ä" * 2497
