#!/bin/sh
# Puts the balancer's front-end address on lo: this server takes what the balancer delivers unchanged
# (direct server return). It may be there already.
PATH=$PATH:/usr/sbin:/sbin
exec ip address replace 10.5.0.200/32 dev lo
