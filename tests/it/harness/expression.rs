//! An expression of PromQL as a tree to walk.

use promql_parser::parser::Expr;
use promql_parser::parser::VectorSelector;

/// The parts directly under it.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Aggregate(of) => std::iter::once(&*of.expr).chain(of.param.as_deref()).collect(),
        Expr::Unary(of) => vec![&of.expr],
        Expr::Binary(of) => vec![&of.lhs, &of.rhs],
        Expr::Paren(of) => vec![&of.expr],
        Expr::Subquery(of) => vec![&of.expr],
        Expr::Call(of) => of.args.args.iter().map(|arg| &**arg).collect(),
        _ => Vec::new(),
    }
}

/// Shows `look` the expression and everything in it.
pub fn visit<'a>(expr: &'a Expr, look: &mut dyn FnMut(&'a Expr)) {
    look(expr);
    children(expr).into_iter().for_each(|child| visit(child, look));
}

/// What it reads.
pub fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    let mut found = Vec::new();
    visit(expr, &mut |expr| match expr {
        Expr::VectorSelector(selector) => found.push(selector),
        Expr::MatrixSelector(matrix) => found.push(&matrix.vs),
        _ => {}
    });
    found
}

/// The series that it names.
pub fn name(selector: &VectorSelector) -> &str {
    selector.name.as_deref().expect("every selector names its series")
}
