#!/bin/sh
# Starts the application. Return 0 once it serves: the group counts as active from then on.
# It may be running already: starting what runs must do no harm.
exec systemctl start application.service
