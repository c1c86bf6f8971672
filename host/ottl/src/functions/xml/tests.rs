//! Calls of the converters of XML.

use super::super::testing::{call, check, l, m, s};
use super::*;
use crate::Value::{Int, Nil};

const LOG: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<Log>\n  <Record>\n    <ID>00001</ID>\n    <Name type=\"archive\"></Name>\n  \
                   </Record>\n  <Record>\n    <ID>00002</ID>\n    <Name type=\"user\"></Name>\n  </Record>\n</Log>";

#[test]
fn gets() {
    let document =
        "<r><a id=\"1\">x<b>1</b></a><a id=\"2\">y<b>2</b><!--c--></a><c><a id=\"3\"/><![CDATA[<z>]]></c></r>";
    // Paths and outcomes as xmlquery has them.
    for (path, found) in [
        (
            "/",
            "<r><a id=\"1\">x<b>1</b></a><a id=\"2\">y<b>2</b><!--c--></a><c><a id=\"3\"></a><![CDATA[<z>]]></c></r>",
        ),
        ("//a[1]", "<a id=\"1\">x<b>1</b></a><a id=\"3\"></a>"),
        ("(//a)[1]", "<a id=\"1\">x<b>1</b></a>"),
        ("//a[last()]", "<a id=\"2\">y<b>2</b><!--c--></a><a id=\"3\"></a>"),
        ("//@id", "123"),
        ("//a/@id", "123"),
        ("//c/a/@*", "3"),
        ("//b/text()", "12"),
        ("//comment()", ""),
        ("//c/text()", "&lt;z&gt;"),
        ("//a[@id='2']/b", "<b>2</b>"),
        ("//a[b='2']/@id", "2"),
        ("//a[contains(text(),'x')]/@id", "1"),
        ("//a[position()<2]/@id", "13"),
        ("//*[@id>1]/@id", "23"),
        ("//a[not(b)]/@id", "3"),
        ("//b/..", "<a id=\"1\">x<b>1</b></a><a id=\"2\">y<b>2</b><!--c--></a>"),
        ("//b/parent::a/@id", "12"),
        ("//b/ancestor::a/@id", "12"),
        ("//b | //a/@id", "<b>1</b><b>2</b>123"),
        ("/r/a[2]/b", "<b>2</b>"),
        ("//a[starts-with(@id,'1') or @id=\"3\"]/@id", "13"),
        ("//a[string-length(@id)=1 and b]/@id", "12"),
        ("./r/a/b", "<b>1</b><b>2</b>"),
        ("r/a/b", "<b>1</b><b>2</b>"),
        ("/r/a/following-sibling::c/a", "<a id=\"3\"></a>"),
        ("/r/c/preceding-sibling::a[1]/@id", "2"),
        ("//c/preceding::b", "<b>1</b><b>2</b>"),
        ("//a[@id='1']/following::b", "<b>2</b>"),
        ("//a[normalize-space(b)='1']/@id", "1"),
        ("//a[@id!='1']/@id", "23"),
        ("//a[@id=1+1]/@id", "2"),
        ("//a[@id = 6 div 2 or @id mod 2 = 0]/@id", "23"),
        ("//*[name()='b']", "<b>1</b><b>2</b>"),
        ("//*[local-name()='b']", "<b>1</b><b>2</b>"),
        ("/r/a[b>1]/@id", "2"),
        ("//a[count(b)=1]/@id", "12"),
        ("//a[-1 < -@id + 1]/@id", "1"),
        ("//a/descendant::b", "<b>1</b><b>2</b>"),
        ("//a[text()='x']/@id", "1"),
        ("//a[1]/b | //c/a", "<b>1</b><a id=\"3\"></a>"),
        ("//b[substring(concat(., 'xyz'), 2, 2)='xy'][translate(., '12', 'ab')='b']", "<b>2</b>"),
        ("//b[substring-after('k=1', '=')=. or substring-before('2;', ';')=string(.)]", "<b>1</b><b>2</b>"),
        (
            "//b[boolean(.) = true() and not(false())][floor(1.5)=1 and ceiling(1.5)=2 and round(1.5)=2][sum(//b)=3]",
            "<b>1</b><b>2</b>",
        ),
        ("//a[lower-case('X')=text() and ends-with(@id,'1')]/@id", "1"),
        ("/r/text()", ""),
        ("/x", ""),
    ] {
        assert_eq!(call("GetXML", &[s(document), s(path)]), Ok(Value::Str(found.into())), "{path}");
    }
    check(&[
        ("GetXML", &[s("<p:a xmlns:p='u'><p:b/><b/></p:a>"), s("/p:a/b")], Ok(s("<b></b>"))),
        ("GetXML", &[s("<p:a xmlns:p='u'><p:b/><b/></p:a>"), s("//p:*/p:b")], Ok(s("<p:b></p:b>"))),
        ("GetXML", &[s("<a"), s("/a")], Err("parse xml: XML syntax error on line 1: unexpected EOF")),
        ("GetXML", &[s("<a/>"), s("/a[")], Err("invalid xpath: expected a step at the end")),
        ("GetXML", &[s("<a/>"), s("count(/a)")], Err("invalid xpath: expression must evaluate to a node-set")),
        ("GetXML", &[s("<a/>"), s("/a[foo()]")], Err("not yet support this function foo()")),
        ("GetXML", &[s("<a/>"), s("/a[contains(.)]")], Err("contains() takes 2 to 2 arguments, not 1")),
        ("GetXML", &[s("<a/>"), s("/a[$x]")], Err("variables are not supported")),
        ("GetXML", &[s("<a/>"), s("/a#")], Err("'#' is no sign of a path")),
        ("GetXML", &[s("<a/>"), s("/uncle::a")], Err("there is no axis uncle")),
        ("GetXML", &[s("<a/>"), s("//a[count(1)]")], Err("a function of the xpath needs nodes")),
        ("GetXML", &[Int(1), s("/a")], Err("expected string but got int64")),
        ("GetXML", &[Nil, s("/a")], Err("expected string but got nil")),
    ]);
}

#[test]
fn removes() {
    let second = LOG.replace("    <ID>00001</ID>\n    <Name type=\"archive\"></Name>\n", "");
    let without = LOG
        .replace(" ?>", "?>")
        .replace("<Record>\n    <ID>00001</ID>\n    <Name type=\"archive\"></Name>\n  </Record>", "");
    assert!(second.len() < LOG.len());
    assert_eq!(
        call("RemoveXML", &[s(LOG), s("/Log/Record[./Name/@type=\"archive\"]")]),
        Ok(Value::Str(without.into()))
    );
    check(&[
        ("RemoveXML", &[s("<a foo='1' bar='2' baz='3'/>"), s("/a/@foo | /a/@baz")], Ok(s("<a bar=\"2\"></a>"))),
        ("RemoveXML", &[s("<a><b/>x<b foo='bar'/></a>"), s("/a/b")], Ok(s("<a>x</a>"))),
        ("RemoveXML", &[s("<a><b/><b foo='bar'/></a>"), s("/a/b[@foo='bar']")], Ok(s("<a><b></b></a>"))),
        ("RemoveXML", &[s("<a>1<!-- c --><b><!--d--></b></a>"), s("//comment()")], Ok(s("<a>1<b></b></a>"))),
        (
            "RemoveXML",
            &[s("<a><b>so sensitive</b><b>ok</b></a>"), s("//*[contains(text(), 'sensitive')]")],
            Ok(s("<a><b>ok</b></a>")),
        ),
        ("RemoveXML", &[s("<a>x<![CDATA[y]]></a>"), s("//text()")], Ok(s("<a></a>"))),
        ("RemoveXML", &[s("<a/>"), s("/")], Ok(s("<a></a>"))),
        ("RemoveXML", &[s(""), s("/a")], Ok(s(""))),
        (
            "RemoveXML",
            &[s("x"), s("/a")],
            Err("parse xml: XML syntax error on line 1: text \"x\" outside of an element"),
        ),
        ("RemoveXML", &[Nil, s("/a")], Err("expected string but got nil")),
    ]);
}

#[test]
fn inserts() {
    check(&[
        ("InsertXML", &[s(""), s("/"), s("<foo/>")], Ok(s("<foo></foo>"))),
        ("InsertXML", &[s("<a/>"), s("/"), s("<foo/>")], Ok(s("<a></a><foo></foo>"))),
        ("InsertXML", &[s("<r><foo/><foo>x</foo></r>"), s("//foo"), s("<bar k='v'>1</bar><baz/>")], {
            Ok(s("<r><foo><bar k=\"v\">1</bar><baz></baz></foo><foo>x<bar k=\"v\">1</bar><baz></baz></foo></r>"))
        }),
        ("InsertXML", &[s("<a/>"), s("/a"), s("<?xml version='1.0'?><b/>")], Ok(s("<a><b></b></a>"))),
        ("InsertXML", &[s("<a/>"), s("/x"), s("<b/>")], Ok(s("<a></a>"))),
        ("InsertXML", &[s("<a k='1'/>"), s("/a/@k"), s("<b/>")], Err("InsertXML XPath selected non-element: \"k\"")),
        ("InsertXML", &[s("<a>t</a>"), s("/a/text()"), s("<b/>")], Err("InsertXML XPath selected non-element: \"t\"")),
        ("InsertXML", &[s("<a/>"), s("/a"), s("")], Err("invalid XML document: there is no element")),
        ("InsertXML", &[s("<a/>"), s("/a"), Nil], Err("expected string but got nil")),
    ]);
}

#[test]
fn converts() {
    let name = "ConvertAttributesToElementsXML";
    check(&[
        (name, &[s("<a foo=\"bar\"><b>baz</b></a>")], Ok(s("<a><b>baz</b><foo>bar</foo></a>"))),
        (name, &[s("<a x='1' y='2'><b z='3'/></a>")], Ok(s("<a><b><z>3</z></b><x>1</x><y>2</y></a>"))),
        (name, &[s("<a x='1'><b z='3'/></a>"), s("/a/b/@z")], Ok(s("<a x=\"1\"><b><z>3</z></b></a>"))),
        (name, &[s("<a x='1'><b z='3'><c k='&lt;'/></b></a>"), s("/a/b")], {
            Ok(s("<a x=\"1\"><b><c><k>&lt;</k></c><z>3</z></b></a>"))
        }),
        (name, &[s("<a/>"), s("[")], Err("invalid xpath")),
        (name, &[Nil], Err("expected string but got nil")),
    ]);
    let name = "ConvertTextToElementsXML";
    check(&[
        (name, &[s("<a><b>foo</b>bar</a>")], Ok(s("<a><b>foo</b><value>bar</value></a>"))),
        (name, &[s("<a>x<b/>y</a>"), Nil, s("text")], Ok(s("<a><text>x</text><b></b><text>y</text></a>"))),
        (name, &[s("<a>\n <b>1</b>\n</a>")], Ok(s("<a>\n <b>1</b>\n</a>"))),
        (name, &[s("<a>x<b>y<c/></b></a>"), s("/a/b")], Ok(s("<a>x<b><value>y</value><c></c></b></a>"))),
        (name, &[s("<a>x</a>")], Ok(s("<a>x</a>"))),
        (name, &[s("<a/>"), Nil, s("1x")], Err("elementName \"1x\" is no name of an element")),
        (name, &[Int(1)], Err("expected string but got int64")),
    ]);
}

#[test]
fn makes_maps() {
    let user = m([
        ("tag", s("User")),
        (
            "children",
            l([
                m([("tag", s("ID")), ("content", s("00001"))]),
                m([("tag", s("Name")), ("content", s("Joe")), ("attributes", m([("type", s("first"))]))]),
            ]),
        ),
    ]);
    let log =
        m([("tag", s("Log")), ("children", l([user, m([("tag", s("Text")), ("content", s("User fired alert A"))])]))]);
    check(&[
        (
            "ParseXML",
            &[s(
                "<?xml version=\"1.0\"?>\n<Log>\n <User><ID>00001</ID> <Name type=\"first\">Joe</Name></User>\n <Text>User fired alert A</Text>\n</Log>\n",
            )],
            Ok(log),
        ),
        ("ParseXML", &[s("<p:a xmlns:p='u' k='&amp;'> x <!--c-->y<![CDATA[<z>]]></p:a>")], {
            Ok(m([("tag", s("a")), ("content", s("xy<z>")), ("attributes", m([("p", s("u")), ("k", s("&"))]))]))
        }),
        ("ParseXML", &[s("<HostInfo hostname=\"example.com\" />")], {
            Ok(m([("tag", s("HostInfo")), ("attributes", m([("hostname", s("example.com"))]))]))
        }),
        ("ParseXML", &[s("<a/><b/>")], Err("trailing bytes after parsing xml")),
        ("ParseXML", &[s("")], Err("unmarshal xml: invalid XML document: there is no element")),
        ("ParseXML", &[Nil], Err("expected string but got nil")),
        ("ParseSimplifiedXML", &[s("<e><id>1</id><user>jane</user><d><t>x</t><c>y</c></d></e>")], {
            Ok(m([("e", m([("id", s("1")), ("user", s("jane")), ("d", m([("t", s("x")), ("c", s("y"))]))]))]))
        }),
        ("ParseSimplifiedXML", &[s("<a><b>1</b><b><![CDATA[2]]></b><c k='v'>3</c>loose</a>")], {
            Ok(m([("a", m([("b", l([s("1"), s("2")])), ("c", s("3"))]))]))
        }),
        ("ParseSimplifiedXML", &[s("<a><b>1</b><b/></a>")], Ok(m([("a", m([("b", l([s("1")]))]))]))),
        ("ParseSimplifiedXML", &[s("<a><b/><c><d/></c></a>")], Ok(m([]))),
        ("ParseSimplifiedXML", &[s("<a>")], Err("parse xml: XML syntax error on line 1: unexpected EOF")),
        ("ParseSimplifiedXML", &[Int(1)], Err("expected string but got int64")),
    ]);
}

#[test]
fn reads_strictly() {
    for (text, why) in [
        ("<a></b>", "element <a> closed by </b>"),
        ("</a>", "unexpected end element </a>"),
        ("<a>\n&foo;</a>", "on line 1: invalid character entity &foo;"),
        ("<a>\n<b>&#0;</b></a>", "on line 2: invalid character entity &#0;"),
        ("<a>&amp</a>", "no semicolon"),
        ("<a k=v/>", "unquoted or missing attribute value in element"),
        ("<a k/>", "attribute name without = in element"),
        ("<a k='<'/>", "unescaped < inside quoted string"),
        ("<a k='", "unexpected EOF"),
        ("<1/>", "expected element name after <"),
        ("<a>]]></a>", "unescaped ]]> not in CDATA section"),
        ("<a>\u{1}</a>", "illegal character code U+0001"),
        ("<a><!-- x</a>", "unexpected EOF"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>", "unexpected EOF"),
    ] {
        let outcome = call("GetXML", &[s(text), s("/")]);
        assert!(outcome.as_ref().is_err_and(|error| error.contains(why)), "{text}: {outcome:?}");
    }
    check(&[
        ("GetXML", &[s("<!DOCTYPE a [<!ENTITY b \"c>\">]><a k='&#x41;&quot;'>\r\n&#66;</a>"), s("/a")], {
            Ok(s("<a k=\"A&#34;\">\nB</a>"))
        }),
        ("GetXML", &[s("\u{feff}<a/>"), s("/")], Ok(s("<a></a>"))),
        ("GetXML", &[s("<a><?pi x?></a>"), s("/")], Ok(s("<a><?pi x?></a>"))),
    ]);
}

#[test]
fn has_bounds() {
    let deep: &'static str = "<a>".repeat(100_000).leak();
    assert!(call("ParseXML", &[s(deep)]).is_err_and(|error| error.contains("nested deeper than 256 levels")));
    let wide: &'static str = format!("<r>{}</r>", "<a/>".repeat(2_000)).leak();
    assert!(
        call("GetXML", &[s(wide), s("//a[//a[//a]]")]).is_err_and(|error| error.contains("more than 1000000 nodes"))
    );
    let nested: &'static str = format!("{}{}{}", "<a>".repeat(250), "x".repeat(100_000), "</a>".repeat(250)).leak();
    assert!(call("GetXML", &[s(nested), s("//a")]).is_err_and(|error| error.contains("more than 16777216 bytes")));
    let part: &'static str = format!("<b>{}</b>", "x".repeat(100_000)).leak();
    assert!(
        call("InsertXML", &[s(wide), s("//a"), s(part)]).is_err_and(|error| error.contains("more than 16777216 bytes"))
    );
    let path: &'static str = format!("/a{}", "[a".repeat(100)).leak();
    assert!(call("GetXML", &[s("<a/>"), s(path)]).is_err_and(|error| error.contains("nested deeper than 32 levels")));
}

proptest::proptest! {
    #[test]
    fn takes_any_text(text in "[<>/a-c!?\\[\\]='\" &;#x-]{0,40}", path in "[/a-c@*.:|()\\[\\]='0-9 +-]{0,16}") {
        if let Ok(path) = XPath::new(&path) {
            let _ = get(&text, &path);
            let _ = get("<a b='1'><c/>x<b><a/></b></a>", &path);
        }
        let _ = maps::faithful(&text);
    }
}
