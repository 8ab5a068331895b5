"""An Azure to rehearse on: the part of it that clpcore's drivers meet, on one machine."""
