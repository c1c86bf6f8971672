use super::*;
use crate::syntax::{Kind, MathOp, Node};

/// A value as it is nested, all operators in parentheses.
fn shown(node: &Node) -> String {
    let list = |nodes: &[Node]| nodes.iter().map(shown).collect::<Vec<_>>().join(", ");
    let keys = |nodes: &[Node]| nodes.iter().map(|key| format!("[{}]", shown(key))).collect::<Vec<_>>().concat();
    match &node.kind {
        Kind::Nil => "nil".to_owned(),
        Kind::Bool(flag) => flag.to_string(),
        Kind::Int(number) => number.to_string(),
        Kind::Double(number) => format!("{number:?}"),
        Kind::Text(text) => format!("{text:?}"),
        Kind::Bytes(bytes) => format!("0x{}", hex::encode(bytes)),
        Kind::Name(name) => name.clone(),
        Kind::Path(segments) => {
            segments.iter().map(|segment| segment.name.clone() + &keys(&segment.keys)).collect::<Vec<_>>().join(".")
        }
        Kind::Call(call) => {
            let argument = |argument: &crate::syntax::Argument| match &argument.name {
                Some(name) => format!("{name}={}", shown(&argument.value)),
                None => shown(&argument.value),
            };
            let arguments: Vec<_> = call.arguments.iter().map(argument).collect();
            format!("{}({}){}", call.name, arguments.join(", "), keys(&call.keys))
        }
        Kind::List(items) => format!("[{}]", list(items)),
        Kind::Map(entries) => {
            let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key:?}: {}", shown(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Kind::Math(terms) => {
            let mut out = String::from("(");
            for (at, (operator, term)) in terms.iter().enumerate() {
                if at > 0 {
                    out.push_str(match operator {
                        MathOp::Add => " + ",
                        MathOp::Subtract => " - ",
                        MathOp::Multiply => " * ",
                        MathOp::Divide => " / ",
                    });
                }
                out.push_str(&shown(term));
            }
            out + ")"
        }
        Kind::Minus(inner) => format!("-{}", shown(inner)),
    }
}

fn shown_test(test: &Test) -> String {
    let all = |tests: &[Test], by: &str| format!("({})", tests.iter().map(shown_test).collect::<Vec<_>>().join(by));
    match test {
        Test::Constant(flag) => flag.to_string(),
        Test::Converter(node) => shown(node),
        Test::Compare(operator, left, right) => {
            let operator = match operator {
                CompareOp::Equal => "==",
                CompareOp::NotEqual => "!=",
                CompareOp::Less => "<",
                CompareOp::LessOrEqual => "<=",
                CompareOp::Greater => ">",
                CompareOp::GreaterOrEqual => ">=",
            };
            format!("{} {operator} {}", shown(left), shown(right))
        }
        Test::Not(inner) => format!("not {}", shown_test(inner)),
        Test::All(tests) => all(tests, " and "),
        Test::Any(tests) => all(tests, " or "),
    }
}

#[test]
fn conditions_are_read_by_precedence() {
    let cases = [
        ("true", "true"),
        ("a == 1", "a == 1"),
        ("a.b[\"k\"][0].c != nil", "a.b[\"k\"][0].c != nil"),
        ("a==1 or b==2 and c==3", "(a == 1 or (b == 2 and c == 3))"),
        ("not a == 1 and b == 2", "(not a == 1 and b == 2)"),
        ("not (a == 1 and b == 2)", "not (a == 1 and b == 2)"),
        ("(a == 1 or b == 2) and c == 3", "((a == 1 or b == 2) and c == 3)"),
        ("((a == 1))", "a == 1"),
        ("IsMatch(a, \"x\") and not IsString(b)", "(IsMatch(a, \"x\") and not IsString(b))"),
        ("a + 1 * 2 - b / 4 == 3", "(a + (1 * 2) - (b / 4)) == 3"),
        ("(a + 1) * 2 == 4", "((a + 1) * 2) == 4"),
        ("((a + 1)) == 4", "(a + 1) == 4"),
        ("a-1 == -1", "(a - 1) == -1"),
        ("a == - b", "a == -b"),
        ("a == +5", "a == 5"),
        ("a == -9223372036854775808", "a == -9223372036854775808"),
        ("a == -.5", "a == -0.5"),
        ("a == [1, \"b\", [nil]]", "a == [1, \"b\", [nil]]"),
        ("a == {\"b\": {\"c\": 1}, \"d\": true,}", "a == {\"b\": {\"c\": 1}, \"d\": true}"),
        ("a == 0x0aFF", "a == 0x0aff"),
        ("kind == SPAN_KIND_SERVER", "kind == SPAN_KIND_SERVER"),
        ("Split(a, \",\")[1] == \"b\"", "Split(a, \",\")[1] == \"b\""),
        ("a[b[\"k\"]] == a[Concat([\"x\"], \"\")]", "a[b[\"k\"]] == a[Concat([\"x\"], \"\")]"),
        ("a[1 + 1] == 1", "a[(1 + 1)] == 1"),
        ("F(x=1, y=G)", "F(x=1, y=G)"),
        ("not_a == 1 and android == 2", "(not_a == 1 and android == 2)"),
        ("  a\n==\t1 ", "a == 1"),
    ];
    for (text, expected) in cases {
        let tree = condition(text).unwrap_or_else(|problem| panic!("{text}: {problem} {:?}", problem.span));
        assert_eq!(shown_test(&tree), expected, "{text}");
    }
}

#[test]
fn statements_have_an_editor_and_perhaps_a_condition() {
    let tree = statement("set(a[\"b\"], Concat([c], \"\")) where d == 1 or e == 2").unwrap();
    assert_eq!((tree.editor.name.as_str(), tree.editor.name_span, tree.editor.arguments.len()), ("set", 0..3, 2));
    assert_eq!(tree.condition.map(|test| shown_test(&test)).as_deref(), Some("(d == 1 or e == 2)"));
    assert_eq!(statement("limit()").unwrap().condition, None);
}

#[test]
fn spans_are_those_of_the_text() {
    let Test::Compare(_, left, right) = condition(" a.b[\"k\"] == -12").unwrap() else { panic!("a comparison") };
    assert_eq!((left.span, right.span), (1..9, 13..16));
}

#[test]
fn mistakes_are_told_where_they_are() {
    let deep = format!("{}a == 1{}", "(".repeat(60), ")".repeat(60));
    let long = "a".repeat(MAX_TEXT + 1);
    let cases = [
        ("", 0..0, "unexpected token \"<EOF>\" (expected a value)"),
        ("a", 1..1, "unexpected token \"<EOF>\" (expected a comparison"),
        ("a = 1", 2..3, "unexpected token \"=\" (expected a comparison)"),
        ("a == ", 5..5, "unexpected token \"<EOF>\" (expected a value)"),
        ("a == 1 b", 7..8, "unexpected token \"b\" (expected the end)"),
        ("a == 1 and", 10..10, "expected a value"),
        ("(a == 1", 7..7, "expected \")\""),
        ("(a + 1 == 2", 11..11, "expected \")\""),
        ("a == b.C", 7..8, "expected a field"),
        ("a == IsMatch(b", 14..14, "expected \",\" or \")\""),
        ("a == set(b)", 5..8, "converter names must start with an uppercase letter but got 'set'"),
        ("a == \"\\d\"", 5..9, "invalid quoted string"),
        ("a == 0x123", 5..10, "odd length hex string"),
        ("a == 9223372036854775808", 5..24, "value out of range"),
        ("a == 'b'", 5..6, "invalid input text"),
        ("Any(a, (k, v) => v == 1)", 14..16, "lambda expressions are disabled"),
        (&deep, 48..49, "nested more than 48 levels deep"),
        (&long, 0..MAX_TEXT + 1, "longer than"),
    ];
    for (text, span, said) in cases {
        let problem = condition(text).unwrap_err();
        assert!(problem.message.contains(said), "{text:.40}: {problem}");
        assert_eq!(problem.span, span, "{text:.40}: {problem}");
    }
    let cases = [
        ("Set(a, 1)", 0..3, "editor names must start with a lowercase letter but got 'Set'"),
        ("set(a, 1)[0]", 10..11, "only paths and converters may be indexed, not editors, but got set"),
        ("a == 1", 0..1, "expected an editor"),
        ("set(a, 1) wher a == 1", 10..14, "unexpected token \"wher\""),
    ];
    for (text, span, said) in cases {
        let problem = statement(text).unwrap_err();
        assert!(problem.message.contains(said), "{text}: {problem}");
        assert_eq!(problem.span, span, "{text}: {problem}");
    }
}

#[test]
fn a_long_sum_is_no_deep_tree() {
    let sum = vec!["1"; 15_000].join(" + ");
    assert!(condition(&format!("{sum} == 1")).is_ok());
    let all = vec!["a == 1"; 5_000].join(" and ");
    assert!(condition(&all).is_ok());
}

mod any_text {
    use proptest::prelude::*;

    use crate::{Condition, Context, Statement};

    /// Texts of what texts are made of.
    fn texts() -> impl Strategy<Value = String> {
        let pieces = prop::sample::select(vec![
            "set",
            "(",
            ")",
            "[",
            "]",
            "{",
            "}",
            ",",
            ".",
            ":",
            "==",
            "!=",
            "<",
            "=",
            "=>",
            "+",
            "-",
            "*",
            "/",
            "_",
            "where",
            "and",
            "or",
            "not",
            "nil",
            "true",
            "span",
            "attributes",
            "name",
            "kind",
            "SPAN_KIND_SERVER",
            "Concat",
            "IsString",
            "Len",
            "\"a\"",
            "\"",
            "0x01",
            "0x",
            "1",
            "1.5",
            ".",
            "9999999999999999999",
            " ",
            "\n",
            "é",
            "\\",
            "resource",
            "cache",
            "replace_pattern",
        ]);
        prop_oneof![prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.join(" ")), any::<String>()]
    }

    proptest! {
        #[test]
        fn is_read_or_refused_at_a_place_in_it(text in texts()) {
            for problem in Condition::parse(&text, Context::Span).err().into_iter().chain(Statement::parse(&text, Context::Span).err()).flatten() {
                prop_assert!(problem.span.start <= problem.span.end && problem.span.end <= text.len(), "{:?}", problem);
                prop_assert!(text.is_char_boundary(problem.span.start) && text.is_char_boundary(problem.span.end), "{:?}", problem);
            }
        }
    }
}
