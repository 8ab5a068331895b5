// The guide's environment with a public load balancer: clients on the Internet reach its address, and
// its probe finds the server where the group is active.
// The configuration of the cluster: conf.d/azure-public-lb.

param location string = resourceGroup().location

param adminUser string = 'clpadmin'

@description('Public key of the administrator, as ssh-keygen writes it.')
param adminKey string

@description('Size of both servers: one that has a quota, in both zones.')
param size string = 'Standard_D2s_v5'

param servers array = [
  {
    name: 'node1'
    address: '10.5.0.110'
    zone: '1'
  }
  {
    name: 'node2'
    address: '10.5.0.111'
    zone: '2'
  }
]

var name = 'TestLoadBalancer'
var frontend = 'TestFrontend'
var pool = 'TestBackendPool'
var probe = 'TestHealthProbe'

@description('The health probe: the port of the lbpp resource.')
param probePort int = 26001

module network 'network.bicep' = {
  name: 'network'
  params: {
    location: location
    publicPort: 8080
  }
}

resource address 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: 'TestLoadBalancerIp'
  location: location
  sku: {
    name: 'Standard'
  }
  // In every zone: else the one that fails may be the address's, and not the server's.
  zones: [
    '1'
    '2'
    '3'
  ]
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource balancer 'Microsoft.Network/loadBalancers@2024-05-01' = {
  name: name
  location: location
  sku: {
    name: 'Standard'
  }
  properties: {
    frontendIPConfigurations: [
      {
        name: frontend
        properties: {
          publicIPAddress: {
            id: address.id
          }
        }
      }
    ]
    backendAddressPools: [
      {
        name: pool
      }
    ]
    probes: [
      {
        name: probe
        properties: {
          protocol: 'Tcp'
          port: probePort
          intervalInSeconds: 5
          probeThreshold: 2
          noHealthyBackendsBehavior: 'AllProbedDown'
        }
      }
    ]
    loadBalancingRules: [
      {
        name: 'TestLoadBalancingRule'
        properties: {
          protocol: 'Tcp'
          frontendPort: 80
          backendPort: 8080
          enableFloatingIP: false
          enableTcpReset: true
          disableOutboundSnat: true
          frontendIPConfiguration: {
            id: resourceId('Microsoft.Network/loadBalancers/frontendIPConfigurations', name, frontend)
          }
          backendAddressPool: {
            id: resourceId('Microsoft.Network/loadBalancers/backendAddressPools', name, pool)
          }
          probe: {
            id: resourceId('Microsoft.Network/loadBalancers/probes', name, probe)
          }
        }
      }
    ]
  }
}

module machines 'servers.bicep' = {
  name: 'servers'
  params: {
    location: location
    subnet: network.outputs.subnet
    servers: servers
    adminUser: adminUser
    adminKey: adminKey
    size: size
    pools: [
      {
        id: balancer.properties.backendAddressPools[0].id
      }
    ]
  }
}

output address string = address.properties.ipAddress
