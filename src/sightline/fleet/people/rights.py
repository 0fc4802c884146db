"""What each route of the API and of the page needs, by its name. One that is not here is nobody's: a test
walks all routes.

Deliberately not here: who has which role.
"""

from __future__ import annotations

from typing import Final

from sightline.fleet.people.principal import Role

_VIEWER: Final = (
    *("list_cameras", "get_camera", "list_agents", "get_agent", "list_instances", "get_instance"),
    *("get_instance_logs", "get_status", "list_events", "get_plan", "explain", "get_stream_info", "openapi"),
    *("export_a_site", "export_a_table", "watch_camera"),
    *("get_me", "change_my_password", "list_my_tokens", "create_my_token", "revoke_my_token"),
)
_OPERATOR: Final = (
    *("create_camera", "replace_camera", "change_camera", "delete_camera"),
    *("create_instance", "replace_instance", "change_instance", "delete_instance"),
    *("restart_instance", "retry_instance", "drain_agent", "undrain_agent", "change_agent", "replace_agent"),
    "create_agent",  # a name for a machine that is to come; what lets it in is a token
    *("update_config", "refresh", "rebalance", "import_all", "import_a_site", "import_a_table"),
    *("add_stream", "remove_stream"),
    *("start_camera", "stop_camera", "move_camera", "debug_camera", "test_camera", "test_new_camera"),
    *("start_instance", "stop_instance", "move_instance", "debug_instance"),
    *("list_audit", "get_audit_entry", "undo"),
)
_ADMIN: Final = (
    "verify_audit",
    *("delete_agent", "revoke_agent"),
    *("list_enrolment_tokens", "create_enrolment_token", "revoke_enrolment_token"),
    *("list_users", "get_user", "create_user", "change_user", "delete_user", "set_user_password"),
    *("list_user_tokens", "create_user_token", "revoke_user_token"),
)
_PAGES: Final = {
    **dict.fromkeys(("page_overview", "page_stream", "page_logout"), Role.VIEWER),
    **dict.fromkeys(("page_account", "page_own_password"), Role.VIEWER),
    **dict.fromkeys(("page_own_token", "page_own_token_revoke"), Role.VIEWER),
    **dict.fromkeys(("page_users", "page_user", "page_user_add", "page_user_change"), Role.ADMIN),
    **dict.fromkeys(("page_user_password", "page_user_remove", "page_token_revoke"), Role.ADMIN),
}
"""Of the cockpit's shell."""
_PAGES_OF_ROWS: Final = {
    **dict.fromkeys(("page_cameras", "page_camera", "page_instances", "page_instance"), Role.VIEWER),
    **dict.fromkeys(("page_agents", "page_agent", "page_plan", "page_events"), Role.VIEWER),
    **dict.fromkeys(("page_new_camera", "page_edit_camera", "page_import"), Role.OPERATOR),
    **dict.fromkeys(("page_new_instance", "page_edit_instance"), Role.OPERATOR),
    **dict.fromkeys(("page_audit", "page_audit_entry"), Role.OPERATOR),
}
"""Of its pages of rows; what they do has the name of the API's route that does the same."""
OPEN: Final = frozenset(
    {"get_health", "page_static", "page_login", "page_login_send", "page_first", "page_first_send"}
)
"""Whoever asks."""
RIGHTS: Final = {
    **dict.fromkeys(_VIEWER, Role.VIEWER),
    **dict.fromkeys(_OPERATOR, Role.OPERATOR),
    **dict.fromkeys(_ADMIN, Role.ADMIN),
    **_PAGES,
    **_PAGES_OF_ROWS,
}
"""By the name of the route."""
