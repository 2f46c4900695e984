//! Walks the syntax tree of a PromQL expression.

use promql_parser::parser::{Expr, VectorSelector};

/// The direct children of an expression.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(node) => {
            std::iter::once(&*node.expr).chain(node.param.as_deref()).collect()
        }
        Expr::Unary(node) => vec![&node.expr],
        Expr::Binary(node) => vec![&node.lhs, &node.rhs],
        Expr::Paren(node) => vec![&node.expr],
        Expr::Subquery(node) => vec![&node.expr],
        Expr::Call(node) => node.args.args.iter().map(|arg| &**arg).collect(),
        _ => Vec::new(),
    }
}

/// Calls `visitor` with the expression and each of its descendants.
pub fn visit<'a>(expr: &'a Expr, visitor: &mut dyn FnMut(&'a Expr)) {
    visitor(expr);
    children(expr).into_iter().for_each(|child| visit(child, visitor));
}

/// All selectors in an expression.
pub fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    let mut found = Vec::new();
    visit(expr, &mut |expr| match expr {
        Expr::VectorSelector(selector) => found.push(selector),
        Expr::MatrixSelector(matrix) => found.push(&matrix.vs),
        _ => {}
    });
    found
}

/// The metric name of a selector.
pub fn metric_name(selector: &VectorSelector) -> &str {
    selector.name.as_deref().expect("every selector has a metric name")
}
