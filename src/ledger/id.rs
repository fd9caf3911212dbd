//! Numbers that the ledger gives, one type each.

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => { $(
        $(#[$meta])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash,
            serde::Serialize, serde::Deserialize,
        )]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl rusqlite::ToSql for $name {
            fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
                self.0.to_sql()
            }
        }

        impl rusqlite::types::FromSql for $name {
            fn column_result(
                value: rusqlite::types::ValueRef<'_>,
            ) -> rusqlite::types::FromSqlResult<$name> {
                i64::column_result(value).map($name)
            }
        }
    )+ };
}

ids! {
    /// A file as it was taken: data set, reporter, period, bytes.
    SubmissionId,
    /// One run of the pipeline.
    RunId,
    /// One step of a run.
    StepId,
    /// One cutting of a snapshot: the same snapshot may be cut again after another.
    CutId,
    /// One edition of a report.
    EditionId,
    /// One mail to one recipient.
    DeliveryId,
}
