"""Runs the scenarios, inside the private root that make.sh has made. One at a time; each is independent of the others."""
import subprocess
import sys
import traceback

import check
import lab
import scenario_list
import servers


def versions():
    """What was installed, for INDEX.md."""
    names = ["postfix", "swaks", "openssl", "gnutls-bin", "curl", "python3", "tcpdump", "tshark", "unbound", "bind9-dnsutils"]
    shown = subprocess.run(["dpkg-query", "-W", "-f", "${Package} ${Version}, ", *names], capture_output=True, text=True).stdout
    debs = sorted(path.name.replace("%3a", ":") for path in lab.pathlib.Path("/var/tmp/debs").glob("*.deb"))
    return shown + ", ".join(" ".join(name.split("_")[:2]) for name in debs)


def make(name, function, how, sees):
    scenario = lab.Scenario(name, how, sees)
    try:
        function(scenario)
        return check.save(scenario)
    except Exception:
        print(scenario.log_text(), file=sys.stderr)
        raise


def main(wanted):
    scenarios = scenario_list.SCENARIOS
    order = [name for name, *_ in scenarios]
    unknown = set(wanted) - set(order)
    if unknown:
        sys.exit("make.py: no such scenario: " + ", ".join(sorted(unknown)))
    lab.build()
    lab.certificates(all_are_made=not wanted)
    servers.prepare()
    made, failed = {}, []
    for name, function, how, sees in scenarios:
        if wanted and name not in wanted:
            continue
        try:
            made[name + ".pcap"] = make(name, function, how, sees)
            for row in made[name + ".pcap"]:
                print("  ".join(row.values()), flush=True)
        except Exception:
            failed.append(name)
            print(f"FAILED {name}", file=sys.stderr)
            traceback.print_exc()
    table = check.write_truth(made, order)
    check.write_index(scenarios, table, versions())
    print(f"{len(made)} made, {len(failed)} failed" + "".join(" " + name for name in failed))
    return 1 if failed else 0


sys.exit(main(sys.argv[1:]))
