#!/bin/sh
# Stops the application. Return 0 only when it is stopped: then the group may start elsewhere.
exec systemctl stop application.service
