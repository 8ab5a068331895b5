// The guide's environment with an internal load balancer, with or without direct server return.
// The configuration of the cluster: conf.d/azure-internal-lb; with directServerReturn
// conf.d/azure-internal-lb-dsr (or -dsr-exec). The guide's interconnect is 10.5.0.120 and .121, its table
// of machines says .110 and .111: only one can be right, and these are the interconnect's.

param location string = resourceGroup().location

param adminUser string = 'clpadmin'

@description('Public key of the administrator, as ssh-keygen writes it.')
param adminKey string

@description('Size of both servers: one that has a quota, in both zones.')
param size string = 'Standard_D2s_v5'

param servers array = [
  {
    name: 'node1'
    address: '10.5.0.120'
    zone: '1'
  }
  {
    name: 'node2'
    address: '10.5.0.121'
    zone: '2'
  }
]

var name = 'TestLoadBalancer'
var frontend = 'TestFrontend'
var pool = 'TestBackendPool'
var probe = 'TestHealthProbe'

@description('The health probe: the port of the lbpp resource.')
param probePort int = 26001

@description('Floating IP: packets arrive with the frontend\'s address, and with its port.')
param directServerReturn bool = false

module network 'network.bicep' = {
  name: 'network'
  params: {
    location: location
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
        // In every zone: else the one that fails may be the address's, and not the server's.
        zones: [
          '1'
          '2'
          '3'
        ]
        properties: {
          privateIPAllocationMethod: 'Static'
          privateIPAddress: '10.5.0.200'
          subnet: {
            id: network.outputs.subnet
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
          frontendPort: directServerReturn ? 8080 : 80
          backendPort: 8080
          enableFloatingIP: directServerReturn
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
