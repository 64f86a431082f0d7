#!/usr/bin/env bash
# Draws docs/status.svg from a running demo (./run.sh --demo): what `gpuyard status` prints, as a picture for the README.
set -Eeuo pipefail
# shellcheck source=scripts/daemon.sh
source "$(dirname "${BASH_SOURCE[0]}")/daemon.sh"
root=$(demo_root) || fail "No demo runs: ./run.sh --demo first." "没有正在运行的演示：请先执行 ./run.sh --demo。"
{
    printf '$ gpuyard status\n'
    COLUMNS=110 "$root/gpuyard" --lang en --color never status
    printf '\n$ gpuyard gpus\n'
    COLUMNS=110 "$root/gpuyard" --lang en --color never gpus
} | sed "s|$root/|~/lab/|g" | python3 -c '
import sys, html, unicodedata
lines = sys.stdin.read().rstrip("\n").split("\n")
lines = [line[:112].rstrip() for line in lines]
cells = lambda s: sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in s)
w, h = 7.85 * max(map(cells, lines)) + 32, 18 * len(lines) + 28
out = [f"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w:.0f}\" height=\"{h}\" role=\"img\" aria-label=\"gpuyard status\">",
  f"<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#24292e\"/>",
  "<g font-family=\"ui-monospace,Menlo,Consolas,monospace\" font-size=\"13\" fill=\"#e4eaef\" xml:space=\"preserve\">"]
for i, line in enumerate(lines):
    colour = " fill=\"#57befc\"" if line.startswith("$") else ""
    out.append(f"<text x=\"16\" y=\"{26 + 18 * i}\"{colour}>{html.escape(line)}</text>")
print("\n".join(out + ["</g></svg>"]))
' >"$here/docs/status.svg"
