#!/bin/sh
# Stops the parts of a stack whose own process ended without doing so (kill -9). Reads "start PID", "end PID" and
# "temporary DIR" from that process; the end of the input is that process's end.
trap '' INT TERM HUP

groups='' directory=''
while read -r what value; do
  case $what in
    start) groups="$groups $value" ;;
    end) groups=$(for group in $groups; do [ "$group" = "$value" ] || printf '%s ' "$group"; done) ;;
    temporary) directory=$value ;;
  esac
done

send() { for group in $groups; do kill -s "$1" -- "-$group" 2>/dev/null; done; }
if [ -n "$groups" ]; then
  send CONT
  send TERM
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    sleep 0.3
    # 0 only asks whether somebody is left.
    send 0 || break
  done
  send KILL
fi
if [ -n "$directory" ]; then rm -rf "$directory"; fi
