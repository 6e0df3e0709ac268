"""Well-known APIs as data for the REST engine: address, credentials, pages, limits.

Belongs here: one :class:`Preset` an API, from its documentation. Does not belong here: code for any
one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from platform_assets.connectors.seam.types import Kind, Maturity

_BEARER = {"kind": "bearer", "secret": "{secret}"}
_BASIC = {"kind": "basic", "user": "{user}", "password": "{secret}"}


def _key(name: str, prefix: str = "") -> dict[str, str]:
    return {"kind": "api_key", "name": name, "prefix": prefix, "secret": "{secret}"}


def _cursor(param: str, path: str, size_param: str = "limit", size: int = 100) -> dict[str, Any]:
    return {"kind": "cursor", "param": param, "path": path, "size_param": size_param, "size": size}


@dataclass(frozen=True)
class Preset:
    """One API.

    Attributes:
        name, title: of the connector type.
        base_url: may name ``{account}``, and so may all that follows: ``{user}``, ``{secret}``
            (the name of one), ``{client_id}``, ``{client_secret}``, ``{refresh_token}``, ``{key}``,
            ``{key_id}``. What is named becomes an entry of the source's ``config``.
        auth: as the REST engine has it.
        pagination, records, incremental, params: of a stream that does not say otherwise.
            ``{path}`` in ``records`` is the last part of the stream's path.
        headers: of every request.
        per_second: requests at most, as the API allows.
        method: of a stream's requests.
        account: what the account is, for people.
        kind: of source.
        maturity: what the tests prove.
    """

    name: str
    title: str
    base_url: str
    auth: Mapping[str, Any]
    pagination: Mapping[str, Any]
    records: str = ""
    incremental: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    per_second: float | None = None
    method: str = "GET"
    account: str = ""
    kind: Kind = Kind.BUSINESS
    maturity: Maturity = Maturity.CONFIGURED


PRESETS = (
    Preset(
        "github", "GitHub: issues, pull requests, commits", "https://api.github.com", _BEARER,
        {"kind": "header", "size_param": "per_page", "size": 100},
        incremental={"field": "updated_at", "param": "since"},
        headers={"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"},
        kind=Kind.API, maturity=Maturity.RECORDED,
    ),
    Preset(
        "gitlab", "GitLab: issues, merge requests, pipelines", "https://gitlab.com/api/v4",
        _key("PRIVATE-TOKEN"), {"kind": "header", "size_param": "per_page", "size": 100},
        incremental={"field": "updated_at", "param": "updated_after"}, kind=Kind.API,
    ),
    Preset(
        "stripe", "Stripe: charges, invoices, customers", "https://api.stripe.com/v1", _BEARER,
        {
            "kind": "cursor", "param": "starting_after", "record": "id", "more": "has_more",
            "size_param": "limit", "size": 100,
        },
        records="data", incremental={"field": "created", "param": "created[gte]"},
        per_second=25, maturity=Maturity.RECORDED,
    ),
    Preset(
        "hubspot", "HubSpot: contacts, companies, deals", "https://api.hubapi.com", _BEARER,
        _cursor("after", "paging.next.after"), records="results", per_second=10,
        maturity=Maturity.RECORDED,
    ),
    Preset(
        "shopify", "Shopify: orders, products, customers",
        "https://{account}.myshopify.com/admin/api/2025-10", _key("X-Shopify-Access-Token"),
        {"kind": "header", "size_param": "limit", "size": 250}, records="{path}",
        incremental={"field": "updated_at", "param": "updated_at_min"}, per_second=2,
        account="name of the shop, before .myshopify.com", maturity=Maturity.RECORDED,
    ),
    Preset(
        "zendesk", "Zendesk: tickets, users, organisations",
        "https://{account}.zendesk.com/api/v2",
        {"kind": "basic", "user": "{user}/token", "password": "{secret}"},
        {
            "kind": "link", "path": "links.next", "more": "meta.has_more",
            "size_param": "page[size]", "size": 100,
        },
        records="{path}", account="subdomain", maturity=Maturity.RECORDED,
    ),
    Preset(
        "jira", "Jira: issues by JQL", "https://{account}.atlassian.net/rest/api/3", _BASIC,
        _cursor("nextPageToken", "nextPageToken", "maxResults"), records="issues",
        incremental={
            "field": "fields.updated", "param": "jql", "format": "%Y-%m-%d %H:%M",
            "template": 'updated >= "{value}" order by updated', "start": "1970-01-02",
        },
        params={"fields": "*all"}, account="site, before .atlassian.net",
        maturity=Maturity.RECORDED,
    ),
    Preset(
        "netsuite", "NetSuite: SuiteQL queries",
        "https://{account}.suitetalk.api.netsuite.com/services/rest/query/v1",
        {
            "kind": "jwt_bearer", "use": "client", "algorithm": "PS256", "issuer": "{client_id}",
            "key": "{key}", "key_id": "{key_id}", "scope": "rest_webservices",
            "token_url": "https://{account}.suitetalk.api.netsuite.com"
                         "/services/rest/auth/oauth2/v1/token",
        },
        {"kind": "link", "path": "links[rel=next].href", "more": "hasMore"},
        records="items", headers={"Prefer": "transient"}, params={"limit": 1000}, method="POST",
        account="number of the account, in small letters, _ as -", maturity=Maturity.RECORDED,
    ),
    Preset(
        "intercom", "Intercom: contacts, conversations", "https://api.intercom.io", _BEARER,
        _cursor("starting_after", "pages.next.starting_after", "per_page"), records="data",
        headers={"Intercom-Version": "2.11"},
    ),
    Preset(
        "pipedrive", "Pipedrive: deals, persons, activities",
        "https://{account}.pipedrive.com/api/v2", _key("x-api-token"),
        _cursor("cursor", "additional_data.next_cursor"), records="data",
        incremental={"field": "update_time", "param": "updated_since"}, account="subdomain",
    ),
    Preset(
        "airtable", "Airtable: records of a table", "https://api.airtable.com/v0/{account}",
        _BEARER, _cursor("offset", "offset", "pageSize"), records="records", per_second=5,
        account="id of the base", kind=Kind.API,
    ),
    Preset(
        "notion", "Notion: pages of a database", "https://api.notion.com/v1", _BEARER,
        {**_cursor("start_cursor", "next_cursor", "page_size"), "more": "has_more"},
        records="results", headers={"Notion-Version": "2022-06-28"}, per_second=3,
        method="POST", kind=Kind.API,
    ),
    Preset(
        "asana", "Asana: tasks, projects", "https://app.asana.com/api/1.0", _BEARER,
        _cursor("offset", "next_page.offset"), records="data",
        incremental={"field": "modified_at", "param": "modified_since"},
        params={"opt_fields": "name,completed,modified_at,created_at"}, kind=Kind.API,
    ),
    Preset(
        "mailchimp", "Mailchimp: audiences, campaigns",
        "https://{account}.api.mailchimp.com/3.0",
        {"kind": "basic", "user": "weir", "password": "{secret}"},
        {"kind": "offset", "size_param": "count", "size": 500, "total": "total_items"},
        records="{path}", account="data centre, the end of the key: us21",
    ),
    Preset(
        "woocommerce", "WooCommerce: orders, products", "https://{account}/wp-json/wc/v3", _BASIC,
        {"kind": "header", "size_param": "per_page", "size": 100},
        incremental={"field": "date_modified_gmt", "param": "modified_after"},
        account="host of the shop",
    ),
    Preset(
        "square", "Square: payments, refunds", "https://connect.squareup.com/v2", _BEARER,
        _cursor("cursor", "cursor"), records="{path}",
    ),
    Preset(
        "okta", "Okta: users, system log", "https://{account}.okta.com/api/v1",
        _key("Authorization", "SSWS "), {"kind": "header", "size_param": "limit", "size": 200},
        account="subdomain", kind=Kind.API,
    ),
    Preset(
        "pagerduty", "PagerDuty: incidents, services", "https://api.pagerduty.com",
        _key("Authorization", "Token token="),
        {"kind": "offset", "size_param": "limit", "size": 100, "more": "more"}, records="{path}",
        incremental={"field": "created_at", "param": "since"}, kind=Kind.API,
    ),
    Preset(
        "twilio", "Twilio: messages, calls",
        "https://api.twilio.com/2010-04-01/Accounts/{account}",
        {"kind": "basic", "user": "{account}", "password": "{secret}"},
        {"kind": "link", "path": "next_page_uri", "size_param": "PageSize", "size": 1000},
        records="{path}", account="account SID", kind=Kind.API,
    ),
    Preset(
        "klaviyo", "Klaviyo: profiles, events", "https://a.klaviyo.com/api",
        _key("Authorization", "Klaviyo-API-Key "), {"kind": "link", "path": "links.next"},
        records="data",
        incremental={
            "field": "attributes.updated", "param": "filter",
            "template": "greater-than(updated,{value})",
        },
        headers={"revision": "2024-10-15"},
    ),
    Preset(
        "sentry", "Sentry: issues, events", "https://sentry.io/api/0", _BEARER,
        {"kind": "header"}, kind=Kind.API,
    ),
    Preset(
        "typeform", "Typeform: responses of a form",
        "https://api.typeform.com/forms/{account}", _BEARER,
        {
            "kind": "cursor", "param": "before", "record": "token", "size_param": "page_size",
            "size": 1000,
        },
        records="items", incremental={"field": "submitted_at", "param": "since"},
        account="id of the form", kind=Kind.API,
    ),
    Preset(
        "zoho_crm", "Zoho CRM: leads, deals, contacts", "https://www.zohoapis.com/crm/v8",
        {
            "kind": "refresh_token", "token_url": "https://accounts.zoho.com/oauth/v2/token",
            "client_id": "{client_id}", "client_secret": "{client_secret}", "style": "post",
            "refresh_token": "{refresh_token}",
        },
        {
            "kind": "cursor", "param": "page_token", "path": "info.next_page_token",
            "more": "info.more_records", "size_param": "per_page", "size": 200,
        },
        records="data",
    ),
    Preset(
        "xero", "Xero: invoices, contacts", "https://api.xero.com/api.xro/2.0",
        {
            "kind": "client_credentials", "token_url": "https://identity.xero.com/connect/token",
            "client_id": "{client_id}", "client_secret": "{client_secret}",
        },
        {"kind": "page", "size_param": "pageSize", "size": 100}, records="{path}", per_second=1,
    ),
)  # fmt: skip
