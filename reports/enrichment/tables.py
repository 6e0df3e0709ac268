"""The derived tables that an enrichment reads and writes; imports nothing heavy, for Dagster."""

from __future__ import annotations

from platform_assets.core.naming import TopicName

TEXTS = TopicName("feedback", "enriched")
INSIGHTS = TopicName("feedback", "insights")
