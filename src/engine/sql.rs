//! From SQL text to a plan: parsed, found to be read-only, parameters put in, planned.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParser, Statement};
use datafusion::sql::sqlparser::ast::{self, Expr, Value, ValueWithSpan, visit_expressions_mut};
use jiff::civil::Date;

use super::SqlError;

/// The value of a named parameter of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Param {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Date(Date),
}

impl From<&str> for Param {
    fn from(text: &str) -> Param {
        Param::Text(text.to_owned())
    }
}

impl From<String> for Param {
    fn from(text: String) -> Param {
        Param::Text(text)
    }
}

impl From<i64> for Param {
    fn from(number: i64) -> Param {
        Param::Int(number)
    }
}

impl From<Date> for Param {
    fn from(date: Date) -> Param {
        Param::Date(date)
    }
}

impl Param {
    fn literal(&self) -> Expr {
        let value = match self {
            Param::Null => Value::Null,
            Param::Bool(value) => Value::Boolean(*value),
            Param::Int(value) => Value::Number(value.to_string(), false),
            // `{:?}` keeps the point, so that 1.0 stays a double.
            Param::Float(value) => Value::Number(format!("{value:?}"), false),
            Param::Text(value) => Value::SingleQuotedString(value.clone()),
            Param::Date(value) => {
                return Expr::TypedString(ast::TypedString {
                    data_type: ast::DataType::Date,
                    value: Value::SingleQuotedString(value.to_string()).into(),
                    uses_odbc_syntax: false,
                });
            }
        };
        Expr::Value(value.into())
    }
}

/// Parses one statement and refuses what is no query.
fn parse(sql: &str) -> Result<Statement, SqlError> {
    let mut statements =
        DFParser::parse_sql(sql).map_err(|error| SqlError::from_planning(&error, sql, &[]))?;
    let statement = match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => statement,
        (None, _) => return Err(SqlError::refused("there is no query in this text")),
        (Some(_), _) => {
            return Err(SqlError::refused("more than one statement: write one query"));
        }
    };
    if is_read_only(&statement) {
        Ok(statement)
    } else {
        let word = sql_verb(&statement);
        Err(SqlError::refused(format!("{word} is not allowed: queries may only read")))
    }
}

fn is_read_only(statement: &Statement) -> bool {
    match statement {
        Statement::Statement(statement) => match statement.as_ref() {
            ast::Statement::Query(_) | ast::Statement::ExplainTable { .. } => true,
            ast::Statement::Explain { statement, .. } => {
                matches!(statement.as_ref(), ast::Statement::Query(_))
            }
            _ => false,
        },
        Statement::Explain(explain) => is_read_only(&explain.statement),
        Statement::CreateExternalTable(_) | Statement::CopyTo(_) | Statement::Reset(_) => false,
    }
}

fn sql_verb(statement: &Statement) -> String {
    let text = statement.to_string();
    text.split_whitespace().next().unwrap_or("this statement").to_uppercase()
}

/// Plans a read-only query. `tables` are the names to hint at.
pub(super) async fn plan(
    state: &SessionState,
    sql: &str,
    params: &[(&str, Param)],
    tables: &[String],
) -> Result<LogicalPlan, SqlError> {
    let mut statement = parse(sql)?;
    bind(&mut statement, sql, params)?;
    let failed = |error| SqlError::from_planning(&error, sql, tables);
    let plan = state.statement_to_plan(statement).await.map_err(failed)?;
    // What the check of the statement's kind cannot see: SELECT … INTO, for one.
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
        .verify_plan(&plan)
        .map_err(|error| SqlError::refused(error.strip_backtrace()))?;
    Ok(plan)
}

fn bind(statement: &mut Statement, sql: &str, params: &[(&str, Param)]) -> Result<(), SqlError> {
    let ast = match statement {
        Statement::Statement(statement) => statement,
        Statement::Explain(explain) => return bind(&mut explain.statement, sql, params),
        _ => return Ok(()),
    };
    let flow = visit_expressions_mut(ast.as_mut(), |expr| {
        if let Expr::Value(ValueWithSpan { value: Value::Placeholder(name), span }) = expr {
            let wanted = name.trim_start_matches('$');
            match params.iter().find(|(known, _)| *known == wanted) {
                Some((_, param)) => *expr = param.literal(),
                None => return ControlFlow::Break((name.clone(), *span)),
            }
        }
        ControlFlow::Continue(())
    });
    match flow {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break((name, span)) => {
            let known: Vec<&str> = params.iter().map(|(name, _)| *name).collect();
            Err(SqlError::unknown_parameter(&name, span.start, sql, &known))
        }
    }
}

/// The tables that a query reads, without its own common table expressions.
///
/// # Errors
/// [`SqlError`] if the text does not parse or is no query.
pub fn table_references(sql: &str) -> Result<BTreeSet<String>, SqlError> {
    let statement = parse(sql)?;
    let (tables, _) = datafusion::sql::resolve::resolve_table_references(&statement, true)
        .map_err(|error| SqlError::from_planning(&error, sql, &[]))?;
    Ok(tables.into_iter().map(|table| table.table().to_owned()).collect())
}

/// A query without its comments and its layout: two texts with one normal form ask the same.
///
/// # Errors
/// [`SqlError`] if the text does not parse or is no query.
pub fn normal_form(sql: &str) -> Result<String, SqlError> {
    Ok(parse(sql)?.to_string())
}
