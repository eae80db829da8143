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


class _RuleBroken(QueryMetricProvider):
    """Number of rows that a rule's query returns, and the first of them. Most rules hold: then one query is enough."""

    metric_name = "concord_rule.broken"
    value_keys = ("rule_query",)

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805
        execution_engine: Any,  # noqa: ANN401
        metric_value_kwargs: dict[str, Any],
        **_: Any,  # noqa: ANN401
    ) -> tuple[int, list[dict[str, Any]]]:
        rule = metric_value_kwargs["rule_query"]
        [(broken,)] = _execute(execution_engine, f"SELECT count(*) FROM ({rule}) AS broken")
        query = f"SELECT * FROM ({rule}) AS broken LIMIT {SAMPLE}"
        sample = [dict(row._mapping) for row in _execute(execution_engine, query)] if broken else []
        return int(broken), sample


class ExpectFewRows(BatchExpectation):
    """`rule_query` returns no more rows than `allowed_share` of the table's rows."""

    rule_query: str
    allowed_share: float = 0.0

    metric_dependencies: ClassVar[tuple[str, ...]] = ("concord_rule.broken", "table.row_count")
    success_keys: ClassVar[tuple[str, ...]] = ("rule_query", "allowed_share")
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id", "row_condition", "condition_parser")

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,
        execution_engine: Any = None,  # noqa: ANN401 - as GX calls it
    ) -> dict[str, Any]:
        (broken, sample), rows = metrics["concord_rule.broken"], metrics["table.row_count"]
        return {
            "success": broken <= self.allowed_share * rows,
            "result": {
                "unexpected_count": broken,
                "element_count": rows,
                "partial_unexpected_index_list": sample,
            },
        }
