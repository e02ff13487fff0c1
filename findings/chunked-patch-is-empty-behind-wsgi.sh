#!/usr/bin/env bash
# A PATCH in chunks has no body for Django and Falcon, and is malformed for Bottle; under waitress it is fine.
#
# Version:   django 5.2.19, falcon 4.4.0, bottle 0.13.4, flask 3.1.3; gunicorn 27.0.1, cheroot 11.1.2 and
#            waitress 3.0.2.
# Expected:  Transfer-Encoding is between client and server; behind it the body is there in either case.
# Seen:      Django and Falcon take a missing Content-Length for "no body". Bottle decodes the chunks once more,
#            which gunicorn and cheroot have decoded. Only waitress counts the bytes first. Flask reads all.
# Who it hurts: clients that stream, which use chunks by themselves: Django's view sees an empty patch, changes
#            nothing and responds with 200. Moving from waitress to gunicorn starts it.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check \
    django==5.2.19 falcon==4.4.0 bottle==0.13.4 flask==3.1.3 gunicorn==27.0.1 cheroot==11.1.2 waitress==3.0.2

cat >"$work/apps.py" <<'PY'
import bottle
import django.urls
import falcon
import flask
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="made up")
urlpatterns = [django.urls.path("", lambda request: HttpResponse(f"{len(request.body)} bytes"))]
django_app = get_wsgi_application()

falcon_app = falcon.App()


class Customer:
    def on_patch(self, request, response):
        response.text = f"{len(request.bounded_stream.read())} bytes"


falcon_app.add_route("/", Customer())

bottle_app = bottle.Bottle()
bottle_app.route("/", "PATCH", lambda: f"{len(bottle.request.body.read())} bytes")

flask_app = flask.Flask(__name__)
flask_app.patch("/")(lambda: f"{len(flask.request.get_data())} bytes")

APPS = {"django": django_app, "falcon": falcon_app, "bottle": bottle_app, "flask": flask_app}


def app(environ, start_response):
    """Hands a request to the framework that its Host names."""
    return APPS[environ["HTTP_HOST"]](environ, start_response)
PY
cat >"$work/run.py" <<'PY'
import http.client
import socket
import subprocess
import sys
import time

SERVERS = {
    "gunicorn": "from gunicorn.app.wsgiapp import run; import sys;"
    " sys.argv = ['gunicorn', '--bind', 'fd://0', '--log-level', 'critical', 'apps:app']; run()",
    "cheroot": "import apps, cheroot.wsgi;"
    " cheroot.wsgi.Server(('127.0.0.1', int(sys.argv[1])), apps.app).start()",
    "waitress": "import apps, waitress; waitress.serve(apps.app, listen='127.0.0.1:' + sys.argv[1])",
}
BODY = b'{"last_name":"Roe"}'
for server in SERVERS:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = "import sys; " + SERVERS[server].replace("fd://0", f"127.0.0.1:{port}")
    process = subprocess.Popen([sys.executable, "-c", code, str(port)], stderr=subprocess.DEVNULL)
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            break
        except OSError:
            time.sleep(0.1)
    for app in ["django", "falcon", "bottle", "flask"]:
        seen = []
        for body in [BODY, iter([BODY])]:
            connection = http.client.HTTPConnection("127.0.0.1", port)
            connection.request("PATCH", "/", body, {"Host": app}, encode_chunked=True)
            response = connection.getresponse()
            text = response.read().decode()
            seen.append(text if response.status == 200 else str(response.status))
            connection.close()
        print(f"{server}, {app}: {seen[0]}, in chunks {seen[1]}")
    process.terminate()
    process.wait()
PY
cd "$work"
venv/bin/python run.py >seen

diff seen - <<'SEEN'
gunicorn, django: 19 bytes, in chunks 0 bytes
gunicorn, falcon: 19 bytes, in chunks 0 bytes
gunicorn, bottle: 19 bytes, in chunks 400
gunicorn, flask: 19 bytes, in chunks 19 bytes
cheroot, django: 19 bytes, in chunks 0 bytes
cheroot, falcon: 19 bytes, in chunks 0 bytes
cheroot, bottle: 19 bytes, in chunks 400
cheroot, flask: 19 bytes, in chunks 19 bytes
waitress, django: 19 bytes, in chunks 19 bytes
waitress, falcon: 19 bytes, in chunks 19 bytes
waitress, bottle: 19 bytes, in chunks 19 bytes
waitress, flask: 19 bytes, in chunks 19 bytes
SEEN
echo "as described"
