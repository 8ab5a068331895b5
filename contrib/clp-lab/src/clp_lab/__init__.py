"""A cluster on one machine: servers, a client, a load balancer and the network between them."""
