//! The grammar of thresholds.

use super::method::{Method, MethodError};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
    /// `==` or `===`
    Equal,
    /// `!=`
    NotEqual,
}

/// The operators in the order in which k6 tries them.
const OPERATORS: [(&str, Operator); 7] = [
    ("<=", Operator::AtMost),
    ("<", Operator::Below),
    (">=", Operator::AtLeast),
    (">", Operator::Above),
    ("===", Operator::Equal),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
];

/// A comparison of a statistic with a number, such as `p(95) < 200`.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    source: String,
    method: Method,
    operator: Operator,
    limit: f64,
}

/// Why an expression could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// There is no operator, or nothing follows it.
    #[error("`{0}` isn't a threshold; write a statistic, one of < <= > >= == !=, and a number: `p(95)<200`")]
    Shape(String),
    /// What stands before the operator isn't a statistic.
    #[error("`{expression}`, before the operator: {reason}")]
    Method {
        /// The expression.
        expression: String,
        /// What is wrong.
        reason: MethodError,
    },
    /// What stands after the operator isn't a number.
    #[error(
        "`{expression}`, after the operator: `{text}` isn't a number; one comparison a threshold, times in milliseconds, sizes in bytes, rates from 0 to 1, no units"
    )]
    Limit {
        /// The expression.
        expression: String,
        /// What stands there.
        text: String,
    },
}

impl Expression {
    /// Reads `method operator number`, with blanks where one likes.
    ///
    /// k6's rule: the operators are tried in the order `<=`, `<`, `>=`, `>`, `===`, `==`,
    /// `!=`, and the first one that occurs and has something to its right divides the
    /// expression. The number is whatever a reader of floating-point numbers takes.
    ///
    /// # Errors
    ///
    /// When it has another shape; the error names the side that is wrong.
    pub fn parse(source: &str) -> Result<Self, ThresholdError> {
        let expression = source.trim();
        let (method, operator, limit) =
            split(expression).ok_or_else(|| ThresholdError::Shape(expression.to_owned()))?;
        let method = Method::parse(method)
            .map_err(|reason| ThresholdError::Method { expression: expression.to_owned(), reason })?;
        let limit = limit
            .parse()
            .map_err(|_| ThresholdError::Limit { expression: expression.to_owned(), text: limit.to_owned() })?;
        Ok(Self { source: source.to_owned(), method, operator, limit })
    }

    /// The expression as the user wrote it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it looks at.
    pub fn method(&self) -> Method {
        self.method
    }

    /// How it compares.
    pub fn operator(&self) -> Operator {
        self.operator
    }

    /// What it compares with.
    pub fn limit(&self) -> f64 {
        self.limit
    }

    /// Whether it is true of a value.
    pub fn holds_for(&self, value: f64) -> bool {
        match self.operator {
            Operator::AtMost => value <= self.limit,
            Operator::Below => value < self.limit,
            Operator::AtLeast => value >= self.limit,
            Operator::Above => value > self.limit,
            Operator::Equal => value == self.limit,
            Operator::NotEqual => value != self.limit,
        }
    }
}

fn split(expression: &str) -> Option<(&str, Operator, &str)> {
    OPERATORS.iter().find_map(|&(token, operator)| {
        let (left, right) = expression.split_once(token)?;
        let (left, right) = (left.trim(), right.trim());
        (!right.is_empty()).then_some((left, operator, right))
    })
}
