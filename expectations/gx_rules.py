"""The one expectation that Great Expectations lacks: few rows break a rule written in SQL.

Here: the metrics and the expectation, which GX registers for the life of the process. Not here: the dialect
(`expectations.gx_duckdb`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import sqlalchemy as sa
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.query_metric_provider import QueryMetricProvider

from expectations.gate import SAMPLE


def _execute(engine: SqlAlchemyExecutionEngine, query: str) -> Sequence[Any]:
    """Rows of `query`; colons in it are text, not parameters."""
    return engine.execute_query(sa.text(query.replace(":", "\\:"))).fetchall()  # type: ignore[no-any-return]


class _RuleCount(QueryMetricProvider):
    """Number of rows that a rule's query returns."""

    metric_name = "concord_rule.row_count"
    value_keys = ("rule_query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, execution_engine: Any, metric_value_kwargs: dict[str, Any], **_: Any) -> int:  # noqa: ANN401, N805
        query = f"SELECT count(*) FROM ({metric_value_kwargs['rule_query']}) AS broken"
        return int(_execute(execution_engine, query)[0][0])


class _RuleSample(QueryMetricProvider):
    """The first rows that a rule's query returns."""

    metric_name = "concord_rule.sample"
    value_keys = ("rule_query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805
        execution_engine: Any,  # noqa: ANN401
        metric_value_kwargs: dict[str, Any],
        **_: Any,  # noqa: ANN401
    ) -> list[dict[str, Any]]:
        query = f"SELECT * FROM ({metric_value_kwargs['rule_query']}) AS broken LIMIT {SAMPLE}"
        return [dict(row._mapping) for row in _execute(execution_engine, query)]


class ExpectFewRows(BatchExpectation):
    """`rule_query` returns no more rows than `allowed_share` of the table's rows."""

    rule_query: str
    allowed_share: float = 0.0

    metric_dependencies: ClassVar[tuple[str, ...]] = (
        "concord_rule.row_count",
        "concord_rule.sample",
        "table.row_count",
    )
    success_keys: ClassVar[tuple[str, ...]] = ("rule_query", "allowed_share")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,  # noqa: ANN401 - as GX calls it
    ) -> dict[str, Any]:
        broken, rows = metrics["concord_rule.row_count"], metrics["table.row_count"]
        return {
            "success": broken <= self.allowed_share * rows,
            "result": {
                "unexpected_count": broken,
                "element_count": rows,
                "partial_unexpected_index_list": metrics["concord_rule.sample"],
            },
        }
