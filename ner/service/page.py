"""The page at `/`: a text goes to the service, and what the model finds is shown as it is typed.

It is plain HTML, CSS and JavaScript of our own. It asks nothing of other servers, and the browser
is told to allow nothing else.
"""

from importlib.resources import files

from fastapi import FastAPI, Request, Response

# Below which addresses the page finds its files; all addresses on it are relative.
FOLDER = "page"
INDEX = "index.html"

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # What is kept must be asked for again, so that all files are of one version.
    "Cache-Control": "no-cache",
}


def add_page(app: FastAPI) -> None:
    """Add the page and its files to an application; they are read once."""
    read = {
        file.name: file.read_bytes()
        for file in files("ner.service").joinpath("page_files").iterdir()
        if file.name.rpartition(".")[2] in MEDIA_TYPES
    }

    def responder(content: bytes, media_type: str):  # noqa: ANN202 - a route of FastAPI
        async def respond(_: Request) -> Response:
            return Response(content, headers=HEADERS, media_type=media_type)

        return respond

    for name, content in read.items():
        address = "/" if name == INDEX else f"/{FOLDER}/{name}"
        media_type = MEDIA_TYPES[name.rpartition(".")[2]]
        app.add_api_route(address, responder(content, media_type), include_in_schema=False)
