# Real peers for tests/hosts, where Debian's packages can be had; .ci/run goes on without them, and their tests
# are skipped by name. Debian lets only one syslog daemon be installed, so of rsyslog it is the files alone.
install_peers() {
    [ "$(id -u)" = 0 ] && command -v apt-get || return 0
    timeout 120 apt-get update -qq || return 0
    timeout 180 apt-get install -y -qq --no-install-recommends syslog-ng-core syslog-ng-mod-python || true
    timeout 60 apt-get install -y -qq --no-install-recommends libestr0 libfastjson4 liblognorm5 || return 0
    (cd "$1" && timeout 60 apt-get download rsyslog && dpkg-deb -x rsyslog_*.deb rsyslog) || return 0
    export RSYSLOGD="$1/rsyslog/usr/sbin/rsyslogd"
    RSYSLOG_MODULES=$(dirname "$(find "$1/rsyslog" -name omprog.so)")
    export RSYSLOG_MODULES
}
