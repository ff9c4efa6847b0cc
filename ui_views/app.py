"""The pages without Airflow's around them, under ``/chronos/ui``, and the files of the bundle."""

from __future__ import annotations

import html
import mimetypes
from pathlib import Path
from urllib.parse import quote

from airflow.api_fastapi.app import get_auth_manager
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from chronos_plugin.api.authz import logged_in
from chronos_plugin.ui_views import bundle
from chronos_plugin.ui_views.bundle import Bundle

# No script but the bundle's own, no address but this server's, no frame but Airflow's.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; frame-ancestors 'self'; base-uri 'self'; form-action 'self'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_FOR_EVER = "private, max-age=31536000, immutable"
_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<base href="{base}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="chronos-main" content="{main}">
<title>CHRONOS</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{style}">
<link rel="modulepreload" href="{main}">
<script type="module" src="{boot}"></script>
</head>
<body><div id="chronos"></div><noscript>These pages need JavaScript.</noscript></body>
</html>
"""
_NOT_BUILT = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>CHRONOS</title></head>
<body>
<h1>The web interface of CHRONOS is not built</h1>
<p>Everything else works: workflows run, and the REST API and the command line answer.</p>
<p>To build it, run <code>{command}</code> in a checkout, then start the API server again. It needs
Node.js 20.19 or newer, or the network to install one; the wheel of a release has the interface in it.</p>
</body>
</html>
"""


def create_app() -> FastAPI:
    """Build the application; every route refuses the anonymous, a person's browser by asking to log in."""
    app = FastAPI(
        title="CHRONOS web interface",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(logged_in)],
    )
    app.add_exception_handler(StarletteHTTPException, _ask_to_log_in)

    @app.get("/assets/{name:path}")
    def asset(name: str) -> Response:
        """Return a file of the bundle."""
        built = bundle.load()
        path = _inside(built, name) if built else None
        if path is None:
            raise HTTPException(404, f"the bundle has no file {name}")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        # Names change with the content, but for the icons'.
        cache = _FOR_EVER if "-" in path.stem and path.suffix != ".svg" else "private, max-age=3600"
        return FileResponse(path, media_type=kind, headers={**_HEADERS, "Cache-Control": cache})

    @app.get("/{page:path}")
    def page(page: str, request: Request) -> HTMLResponse:
        """Return the page that loads the bundle; which of its pages it shows is the bundle's to say."""
        del page
        built = bundle.load()
        headers = {**_HEADERS, "Cache-Control": "no-cache"}
        if built is None:
            return HTMLResponse(_NOT_BUILT.format(command=bundle.HOW_TO_BUILD), 503, headers)
        root = _root(request)
        named = {"main": built.main, "boot": built.boot, "style": built.style, "icon": "icon.svg"}
        urls = {k: html.escape(root + built.url(v)) for k, v in named.items()}
        return HTMLResponse(_PAGE.format(base=html.escape(root), **urls), headers=headers)

    return app


def _inside(built: Bundle, name: str) -> Path | None:
    path = (built.folder / "assets" / name).resolve()
    return path if path.is_relative_to(built.folder / "assets") and path.is_file() else None


def _root(request: Request) -> str:
    """Return the path of the API server's root, with a slash at its end."""
    mounted = str(request.scope.get("root_path", ""))
    return mounted.removesuffix(bundle.PREFIX).rstrip("/") + "/"


async def _ask_to_log_in(request: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    wants_page = "text/html" in request.headers.get("accept", "") and "/assets/" not in request.url.path
    if error.status_code == 401 and wants_page:
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{get_auth_manager().get_url_login()}?next={quote(target, safe='')}", 302)
    return await http_exception_handler(request, error)
