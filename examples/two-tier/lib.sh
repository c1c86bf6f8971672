# What `run` and `ctl` share: the processes, by name, and the list of gateways that the agents have.
# Each process has NAME.pid and NAME.log in the state directory. Needs bash, curl, and what every system has.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
bin=${TAILRACE_BIN:-$here/../../target/release/tailrace}
# Short, as a socket's path must be, and this user's alone.
state=${TWO_TIER_STATE:-/tmp/tailrace-two-tier-$(id -u)}
agents=(agent-1 agent-2)
gateways=(gateway-1 gateway-2 gateway-3)

fail() { echo "two-tier: $*" >&2; exit 1; }

# agent-1: 14117 14118 14119; gateway-2: 14227 and 14229.
port() { # NAME grpc|http|metrics
  local tier=1 last=7
  [[ $1 == gateway-* ]] && tier=2
  case $2 in http) last=8 ;; metrics) last=9 ;; esac
  echo "14$tier${1##*-}$last"
}

in_use() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

is_up() { [ -f "$state/$1.pid" ] && kill -0 "$(cat "$state/$1.pid")" 2>/dev/null; }

known() { # NAME LIST...
  local name=$1 each; shift
  for each in "$@"; do [ "$each" = "$name" ] && return; done
  fail "there is no \"$name\" (there are: $*)"
}

# The sum of a metric's series, 0 where there is none (or nobody who would answer).
metric() { # NAME METRIC [LABEL]
  curl -s --max-time 2 "http://127.0.0.1:$(port "$1" metrics)/metrics" 2>/dev/null |
    awk -v name="$2" -v label="${3:-}" '
      { at = index($1, "{"); found = at ? substr($1, 1, at - 1) : $1 }
      found == name && (label == "" || index($1, label)) { sum += $2 }
      END { printf "%.0f\n", sum }'
}

# Spans that a process has taken in, in all its lives.
accepted() { # NAME
  local before=0
  [ -f "$state/$1.before" ] && before=$(cat "$state/$1.before")
  if is_up "$1"; then echo $((before + $(metric "$1" otelcol_receiver_accepted_spans))); else echo "$before"; fi
}

# Waits up to 10 s until a command succeeds.
wait_until() {
  local _
  for _ in $(seq 100); do "$@" && return; sleep 0.1; done
  return 1
}

is_ready() { grep -q 'Everything is ready' "$state/$1.log" 2>/dev/null || ! is_up "$1"; }

launch() { # NAME: starts it, does not wait
  local name=$1 config=(--config "$here/${1%-*}.yaml")
  [[ $name == agent-* ]] && config+=(--config "$state/members.yaml")
  : > "$state/$name.log"
  # A process group of its own: Ctrl-C is for `run`, which ends things in order.
  set -m
  OTLP_GRPC_PORT=$(port "$name" grpc) OTLP_HTTP_PORT=$(port "$name" http) METRICS_PORT=$(port "$name" metrics) \
    ADMIN_SOCKET="$state/$name.sock" "$bin" "${config[@]}" >> "$state/$name.log" 2>&1 < /dev/null &
  echo $! > "$state/$name.pid"
  disown
  set +m
}

await_ready() { # NAME
  wait_until is_ready "$1" && is_up "$1" && return
  tail -n 20 "$state/$1.log" >&2
  fail "$1 did not start; its log is $state/$1.log"
}

end() { # NAME SIGNAL: waits until it is gone
  is_up "$1" || return 0
  local pid; pid=$(cat "$state/$1.pid")
  kill "-$2" "$pid" 2>/dev/null
  is_gone() { ! kill -0 "$pid" 2>/dev/null; }
  wait_until is_gone || kill -KILL "$pid" 2>/dev/null
  rm -f "$state/$1.pid"
}

write_members() { # GATEWAY...: the whole list, in place at once
  local name hosts=()
  for name in "$@"; do hosts+=("127.0.0.1:$(port "$name" grpc)"); done
  printf 'exporters:\n  load_balancing:\n    resolver:\n      static:\n        hostnames:\n' > "$state/members.new"
  printf '          - "%s"\n' "${hosts[@]}" >> "$state/members.new"
  mv "$state/members.new" "$state/members.yaml"
  printf '%s\n' "$@" > "$state/members"
}

members() { cat "$state/members"; }

# Gives the agents a new list: they reload their configuration, and what did not change in it goes on.
set_members() { # GATEWAY...
  local agent before
  write_members "$@"
  for agent in "${agents[@]}"; do
    is_up "$agent" || continue
    before=$(metric "$agent" otelcol_tailrace_reloads)
    kill -HUP "$(cat "$state/$agent.pid")"
    has_reloaded() { [ "$(metric "$agent" otelcol_tailrace_reloads)" -gt "$before" ]; }
    wait_until has_reloaded || fail "$agent does not answer; its log is $state/$agent.log"
  done
}
