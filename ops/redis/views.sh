# shellcheck shell=sh disable=SC2153,SC2154
# What all Sentinels together say of the set. Sourced, after ask.sh; reads SENTINELS and REDIS_MASTER_NAME.

name=${REDIS_MASTER_NAME:-items}
sentinels=$(printf %s "$SENTINELS" | tr ',' ' ')
# shellcheck disable=SC2086 # one word per Sentinel
majority=$(($(printf '%s\n' $sentinels | wc -l) / 2 + 1))

# One line per Sentinel that answers: its own id, the configuration epoch (0 before the first failover), the master that
# it names, then the replicas that it knows, each host:port. All are asked at the same time, each over one connection,
# so that an empty list of replicas is an answer. Each line is one write, so that they do not mix.
views() {
  for sentinel in $sentinels; do
    {
      view=$(printf 'sentinel %s\n' myid "get-master-addr-by-name $name" "master $name" "replicas $name" |
        ask "$sentinel" |
        awk 'NR == 1 { id = $0; next } NR == 2 { master = $0; next } NR == 3 { master = master ":" $0; next }
          NR % 2 == 0 { key = $0; next }
          key == "name" { nodes++ } key == "config-epoch" { epoch = $0 } key == "ip" { ip = $0 }
          key == "port" && nodes > 1 { replicas = replicas " " ip ":" $0 }
          END { if (epoch != "") print id, epoch, master replicas }')
      printf '%s\n' "$view"
    } &
  done
  wait
}

# What a majority of all Sentinels names, and nothing when there is none. From $views, what views said.
named_master() {
  printf '%s\n' "$views" | awk -v majority="$majority" '
    $3 ~ /:[0-9]+$/ { votes[$3]++ }
    END { for (node in votes) if (votes[node] >= majority) print node }'
}

# find_master: puts what all say into $views, and what a majority names into $master. On a busy machine a Sentinel that is
# well may be silent for a second, so it is asked for up to 5 s until there is one.
find_master() {
  looks=10
  while views=$(views) && master=$(named_master) && [ -z "$master" ] && [ "$looks" -gt 1 ]; do
    looks=$((looks - 1))
    sleep 0.5
  done
}

# later_master NODE: whom any Sentinel names at a later epoch than all that name NODE; the others will hear of it from
# that one. From $views.
later_master() {
  printf '%s\n' "$views" | awk -v node="$1" '
    $3 == node && $2 > epoch { epoch = $2 }
    { named[NR] = $3; at[NR] = $2 }
    END { for (i = 1; i <= NR; i++) if (named[i] != node && at[i] > epoch) { print named[i]; exit } }'
}

# Every replica that any Sentinel knows. From $views.
known_replicas() { printf '%s\n' "$views" | awk '{ for (i = 4; i <= NF; i++) print $i }' | sort -u; }

# is_remembered NODE FILE: whether a majority names it from memory, and not because INITIAL_MASTER does: they know a
# replica or a failover, or their ids are in the file that remember_sentinels wrote.
is_remembered() {
  ids=$(if [ -e "$2" ]; then tr '\n' ' ' <"$2"; fi)
  printf '%s\n' "$views" | awk -v majority="$majority" -v node="$1" -v ids="$ids" '
    BEGIN { split(ids, list); for (i in list) met[list[i]] = 1 }
    $3 == node && ($2 > 0 || NF > 3 || $1 in met) { votes++ }
    END { exit !(votes >= majority) }'
}

# remember_sentinels FILE: adds the ids of those that answered. A Sentinel keeps its id in the file that holds all that
# it knows: who has the id still has the memory.
remember_sentinels() {
  { if [ -e "$1" ]; then cat "$1"; fi; printf '%s\n' "$views" | cut -d ' ' -f 1; } | sort -u >"$1.new"
  mv "$1.new" "$1"
}
