# Keeps a server for a test: server.sh DIRECTORY PROGRAM ARGUMENT…
# Reads orders from its input and ends the server when that ends, however the test came to its end.
directory=$1
shift
start() {
  "$@" < /dev/null >> "$directory/server.log" 2>&1 &
  pid=$!
  echo "$pid"
}
start "$@"
while read -r order; do
  case $order in
    kill) kill -9 "$pid"; wait "$pid" 2> /dev/null; echo killed ;;
    start) start "$@" ;;
    guard) set -- "$@" --auth; start "$@" ;;
  esac
done
kill -9 "$pid" 2> /dev/null
wait "$pid" 2> /dev/null
rm -rf "$directory"
