#!/usr/bin/env python3
"""The arithmetic of compare.sh: medians and ratios of paired runs, as a results file.

    report.py write ROWS OUT COMMAND    ROWS: a folder of {ours,llama,mlx}@SHAPE@DEPTH@KIND@BITS@THREADS@ROUND.json
    report.py executable                the binary's path, from cargo's messages on stdin
"""
import json
import pathlib
import statistics
import sys


def load(path):
    with open(path) as file:
        return json.load(file)


def llama(rows):
    """Tokens per second of one llama-bench run: (prefill, decode)."""
    prefill = [r["avg_ts"] for r in rows if r["n_prompt"] > 0 and r["n_gen"] == 0]
    decode = [r["avg_ts"] for r in rows if r["n_gen"] > 0 and r["n_prompt"] == 0]
    return (prefill or [None])[0], (decode or [None])[0]


def mlx(document):
    """Tokens per second of one run of mlx-lm."""
    return document["prefill_tps"], document["decode_tps"]


def ours(document):
    """Tokens per second of one of our runs, and the floor of its decode."""
    run = document["runs"][0]
    median = lambda spread: spread and spread["median"]
    return median(run["prefill_tps"]), median(run["decode_tps"]), run


PEERS = {"llama": ("llama.cpp", llama), "mlx": ("mlx-lm", mlx)}


def spread(values):
    # What takes seconds for a token needs more places.
    low, high, middle = min(values), max(values), statistics.median(values)
    places = 1 if middle >= 10 else 3
    return f"{middle:.{places}f} ({low:.{places}f} to {high:.{places}f})"


def collect(folder, peer):
    """The rounds of each setting (shape, depth, kind, bits, threads): pairs of (theirs, ours)."""
    settings = {}
    for path in sorted(folder.glob(f"{peer}@*.json")):
        shape, depth, kind, bits, threads, round_ = path.stem.split("@")[1:]
        pair = (PEERS[peer][1](load(path)), ours(load(folder / path.name.replace(peer, "ours", 1))))
        key = (shape, int(depth), kind, int(bits), int(threads))
        settings.setdefault(key, []).append((int(round_), pair))
    return {key: [pair for _, pair in sorted(rounds)] for key, rounds in sorted(settings.items())}


def table(peer, settings):
    lines = [
        f"| shape | depth | weights | threads | test | {PEERS[peer][0]} tok/s | lazuli tok/s | ratio | floor tok/s | of the floor |",
        "|:--|--:|:--|--:|:--|--:|--:|--:|--:|--:|",
    ]
    for (shape, depth, kind, bits, threads), pairs in settings.items():
        weights = f"{kind} / {bits} bits" if peer == "llama" else f"{bits} bits"
        for at, test in ((0, "prefill"), (1, "decode")):
            theirs = [t[at] for t, _ in pairs if t[at]]
            own = [o[at] for _, o in pairs if o[at]]
            if not theirs or not own:
                continue
            # The ratio of each pair, then its median: what disturbs a round disturbs both of it.
            ratio = statistics.median(o[at] / t[at] for t, o in pairs if t[at] and o[at])
            floor, share = "", ""
            if at == 1:
                floors = [o[2]["decode_floor_tps"] for _, o in pairs]
                shares = [o[2]["decode_floor_share"] for _, o in pairs]
                floor, share = f"{statistics.median(floors):.1f}", f"{100 * statistics.median(shares):.0f}%"
            lines.append(
                f"| {shape} | {depth} | {weights} | {threads} | {test} | {spread(theirs)} | {spread(own)} "
                f"| {ratio:.2f} | {floor} | {share} |"
            )
    return lines


def mlx_lines(folder, settings):
    """The table of mlx-lm, if it had turns."""
    if not settings:
        return []
    document = load(next(folder.glob("mlx@*.json")))
    return [
        f"mlx-lm on the threads that it chooses; {document['prompt_tokens']} tokens of prompt and "
        f"{document['decode_tokens']} decoded in each of its turns, after a depth of zeros.",
        "",
        *table("mlx", settings),
        "",
    ]


def write(folder, out, command):
    folder = pathlib.Path(folder)
    settings = {peer: collect(folder, peer) for peer in PEERS}
    if not settings["llama"]:
        sys.exit(f"{folder}: no runs")
    devices = load(folder / "devices.json")
    cpu = devices["cpu"]
    commit = (folder / "commit").read_text().strip()
    rounds = next(iter(settings["llama"].values()))
    first = rounds[0][1][2]
    versions = sorted({load(path)["version"] for path in folder.glob("mlx@*.json")})
    caches = ", ".join(f"{c['name']} {c['bytes'] >> 10} KiB" for c in cpu["caches"])
    best = {}
    for r in devices["bandwidth"]:
        key = (r["pages"], r["threads"])
        best[key] = max(best.get(key, 0), r["median_gbs"])
    rates = ", ".join(f"{pages} pages {n}T {gbs:.1f}" for (pages, n), gbs in best.items())
    lines = [
        f"# llama.cpp, mlx-lm and lazuli on {cpu['model'] or 'an unnamed CPU'}",
        "",
        f"- Machine: {cpu['model']} ({cpu['architecture']}), {cpu['cores']} cores, {cpu['hardware_threads']} hardware "
        f"threads; {caches}; {devices['memory_bytes'] / 1e9:.1f} GB; transparent huge pages: "
        f"{devices['transparent_huge_pages']}.",
        f"- Read bandwidth afterwards, GB/s: {rates}. Floors below use what was read between the repeats.",
        f"- lazuli {commit}, {next(p['name'] for p in cpu['paths'] if p['used'])}"
        f" kernels; llama.cpp from llama-cpp-python {(folder / 'peer-version').read_text().strip()}; "
        f"{versions[0] if versions else 'without mlx-lm'}.",
        f"- Command: `{command}`.",
        f"- {len(rounds)} rounds, all in turn; medians (least to most); the ratio is the median of "
        "the rounds' own. Peak memory of ours in the first setting: "
        f"{first['peak_bytes'] / 1e6:.0f} MB.",
        "- Other load on the machine: (note it, or say that there was none)",
        "",
        *table("llama", settings["llama"]),
        "",
        *mlx_lines(folder, settings["mlx"]),
        "## The largest gap",
        "",
        "(One paragraph: which row is furthest from its floor or its peer, and why.)",
        "",
    ]
    pathlib.Path(out).write_text("\n".join(lines))


def executable():
    for line in sys.stdin:
        message = json.loads(line)
        if message.get("executable") and message["target"]["name"] == "lazuli":
            print(message["executable"])
            return
    sys.exit("cargo built no binary `lazuli`")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["write", rows, out, command]:
            write(rows, out, command)
        case ["executable"]:
            executable()
        case _:
            sys.exit(__doc__)
