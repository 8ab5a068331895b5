#!/bin/sh
# forcestop.sh: stops a server through its management controller (Redfish)
case $CLP_FORCESTOP_MODE in
0) server=$CLP_SERVER_VICTIM ;;
1) server=$CLP_SERVER_DOWN ;;
*) echo "the mode is 0 or 1, not '$CLP_FORCESTOP_MODE'"; exit 2 ;;
esac
case $server in
node1) system=https://10.9.0.11/redfish/v1/Systems/1 ;;
node2) system=https://10.9.0.12/redfish/v1/Systems/1 ;;
*) echo "no management controller of '$server' is known"; exit 2 ;;
esac
login=/etc/clpcore/forcestop.login

ask() { curl --silent --show-error --fail --max-time 5 --config "$login" "$@"; }
power() { ask "$system" | python3 -c 'import json, sys; print(json.load(sys.stdin)["PowerState"])'; }
stop() {
    ask --header 'Content-Type: application/json' --data '{"ResetType": "ForceOff"}' \
        --output /dev/null "$system/Actions/ComputerSystem.Reset"
}

if [ "$CLP_FORCESTOP_MODE" = 0 ]; then
    state=$(power) && [ -n "$state" ] && echo "$server is $state"
    exit
fi
for try in 1 2 3; do
    stop && break               # one that failed may have worked: the power state decides
done
for look in 1 2 3 4 5; do
    state=$(power) && [ "$state" = Off ] && exit 0
    sleep "${WAIT:-2}"
done
echo "$server is not off: ${state:-its power cannot be read}"
exit 1
