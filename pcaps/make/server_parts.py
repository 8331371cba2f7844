"""What the servers of the captures and of the live tests have in common."""

POSTFIX_SERVICES = """
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n -  0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
error     unix  - - n - - error
retry     unix  - - n - - error
discard   unix  - - n - - discard
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""

UNBOUND = """  do-daemonize: no
  username: ""
  chroot: ""
  directory: "{home}"
  pidfile: ""
  use-syslog: no
  access-control: 0.0.0.0/0 allow
  access-control: ::/0 allow
  module-config: "iterator"
{more}remote-control:
  control-enable: no
"""


def unbound_conf(home, addresses, more=""):
    """The configuration of an unbound that asks nobody and listens at addresses; more: lines of its server clause."""
    return "server:\n" + "".join(f"  interface: {address}\n" for address in addresses) + UNBOUND.format(home=home, more=more)


def unbound_zone(zone, file):
    return f'auth-zone:\n  name: "{zone}"\n  zonefile: "{file}"\n'
