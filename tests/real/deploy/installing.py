"""Do what docs/install.md says, as it stands there, for Debian (root, Debian):

    python -m tests.real.deploy.installing

The wheelhouse is made in a copy of the project, with internet. The rest happens on a server that is no more than name
spaces: no network but its own loopback, an `/etc`, `/opt` and `/var/log` that vanish, and a systemd of its own, which
is a manager of user services in the place of process 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.parts import ROOT

GUIDE = ROOT / "docs" / "install.md"

#: Debian's own Python, as on the server, and no settings of this machine's pip
_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}

_SECRET = "redis://:pass%23word@127.0.0.1:6379/1"

_CONFIGURATION = """\
host: 127.0.0.1
omero:
    host: 127.0.0.1
session-store:
    type: redis
    uri-file: session-store-uri
logging:
    file: /var/log/omero-ms-thumbnail/omero-ms-thumbnail.log
"""

#: an OMERO.web that is only its location of thumbnails
_NGINX = """\
server {
    listen 8090;
    include /etc/nginx/omero/omero-ms-thumbnail.conf;
}
"""

#: seconds for all of it
_DEADLINE = 240

#: makes the server, of which the last line is the first that an administrator sees
_SERVER = r"""
set -eE
trap 'printf "failed: %s\n" "$BASH_COMMAND" >&2' ERR
mount --make-rprivate /
mount -t tmpfs tmpfs /mnt
mkdir /mnt/etc /mnt/log
cp -a /etc/. /mnt/etc/
for folder in etc log; do mount --bind /mnt/$folder /$([ $folder = log ] && echo var/)$folder; done
mount -t tmpfs tmpfs /opt
mount -t tmpfs tmpfs /run
ip link set lo up

# what process 1 has made when it has booted a machine
mkdir -p /run/systemd/system /run/systemd/inaccessible/dir /run/manager/systemd /var/log/nginx
touch /run/systemd/inaccessible/reg
chmod 000 /run/systemd/inaccessible/*
export XDG_RUNTIME_DIR=/run/manager XDG_CONFIG_HOME=/run/manager
ln -s /etc/systemd/system /run/manager/systemd/user
ln -s /var/log /run/manager/log
printf '[Unit]\nDefaultDependencies=no\n' >/etc/systemd/system/nothing.target
/usr/lib/systemd/systemd --user --unit=nothing.target --log-target=console 2>/run/systemd.log &
until [ -S /run/manager/systemd/notify ]; do :; done
# process 1 hears from everybody
chmod 777 /run/manager/systemd/notify
mkdir /run/bin
printf '#!/bin/sh\nexec /usr/bin/systemctl --user "$@"\n' >/run/bin/systemctl
chmod 755 /run/bin/systemctl
PATH=/run/bin:$PATH
until systemctl is-system-running >/dev/null 2>&1; do :; done

redis-server --port 6379 --requirepass 'pass#word' --save '' >/dev/null &
home=/opt/omero/OMERO.ms/omero-ms-thumbnail
log=/var/log/omero-ms-thumbnail/omero-ms-thumbnail.log
step() { printf '== %s\n' "$1"; }
says() { curl --silent --include --retry 5 --retry-connrefused "http://127.0.0.1:$1$2" | grep -q -- "$3"; }
"""


def _blocks(heading: str, language: str = "shell") -> list[str]:
    """The blocks in a language below a heading of the guide."""
    section = re.search(rf"^##+ {re.escape(heading)}\n(.*?)(?=^##+ |\Z)", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    if section is None:
        raise ValueError(f"{GUIDE} has no heading {heading!r}")
    return re.findall(rf"^```{language}\n(.*?)^```", section[1], re.MULTILINE | re.DOTALL)


def _commands(heading: str, number: int = 0) -> str:
    """A block of commands below a heading of the guide."""
    return _blocks(heading)[number]


def _logrotate() -> str:
    (text,) = _blocks("Log files", "text")
    return text


def _installation() -> str:
    """The guide's steps on the server, each done twice, with a look at what came of it."""
    steps = [
        "step 'user and folders'",
        *[_commands("2. User and folders")] * 2,
        "step 'the software, without network'",
        *[_commands("3. The software", 1)] * 2,
        "step 'configuration and secrets'",
        *[_commands("4. Configuration and secrets")] * 2,
        f"cat >$home/conf/config.yaml <<'END'\n{_CONFIGURATION}END",
        f"echo '{_SECRET}' >$home/conf/session-store-uri",
        "stat --format '%U:%G %a' $home/conf/session-store-uri | grep -qx 'root:omero 640'",
        "step 'check, as the user omero'",
        # there is no OMERO, which it says, and that is all that is wrong
        f"({_commands('Whether it works')}) >/run/check || true",
        "grep -q '^ok .* Redis at 127.0.0.1:6379, database 1 answers' /run/check",
        "grep -q 'OMERO refuses the connection' /run/check",
        "step 'the service'",
        _commands("5. The service").replace("systemctl status", "systemctl --no-pager status"),
        'says 8080 /readyz \'"session store": "ok"\'',
        "main=$(systemctl show --property MainPID --value omero-ms-thumbnail)",
        'grep -q "^Uid:.$(id -u omero)" /proc/$main/status',
        "step 'log files, with logrotate'",
        f"cat >/etc/logrotate.d/omero-ms-thumbnail <<'END'\n{_logrotate()}END",
        "logrotate --force --state /run/logrotate /etc/logrotate.d/omero-ms-thumbnail",
        "until grep -q 'log files are opened anew' $log; do :; done",
        "test -s $log.1",
        "step nginx",
        _commands("6. nginx").replace("nginx -s reload", "nginx"),
        f"cat >/etc/nginx/conf.d/omero.conf <<'END'\n{_NGINX}END",
        "nginx -s reload",
        "until says 8090 /webclient/render_thumbnail/1/ x-request-id; do :; done",
        "step 'upgrading'",
        _commands("7. Upgrading, and going back"),
        "step 'two replicas'",
        _commands("Two replicas on one machine"),
        "says 8081 /healthz ok",
        _commands("Two replicas on one machine", 1),
        "says 8080 /healthz ok",
        "systemctl stop 'omero-ms-thumbnail@*'",
        "nginx -s stop",
        "step 'removing'",
        _commands("8. Removing"),
        "test ! -e $home",
        "step 'as docs/install.md says'",
    ]
    return "\n".join([_SERVER, *steps])


def main() -> int:
    """Do it; the exit status is that of the first step that failed."""
    with tempfile.TemporaryDirectory(prefix="omero-ms-thumbnail-install-") as name:
        project, server = Path(name, "project"), Path(name, "server")
        project.mkdir()
        server.mkdir()
        packed = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x"], cwd=project, input=packed.stdout, check=True)
        # where to find packages is this machine's affair
        made = subprocess.run(["bash", "-e", "-c", _commands("3. The software")], cwd=project)
        if made.returncode:
            return made.returncode
        archive = project / "omero-ms-thumbnail-wheelhouse.tar.gz"
        subprocess.run(["tar", "-xf", archive], cwd=server, check=True)
        # whatever was started there ends with the first process of its name space
        apart = ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc"]
        installed = subprocess.run(
            [*apart, "bash", "-c", _installation()], cwd=server, env=_ENVIRONMENT, timeout=_DEADLINE
        )
        return installed.returncode


if __name__ == "__main__":
    sys.exit(main())
