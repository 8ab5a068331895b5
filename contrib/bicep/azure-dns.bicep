// The guide's environment for Azure DNS: two servers, and a zone whose record set follows the group.
// The configuration of the cluster: conf.d/azure-dns.

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

@description('The zone; the record set is made by the cluster.')
param zone string = 'cluster1.zone'

module network 'network.bicep' = {
  name: 'network'
  params: {
    location: location
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
  }
}

resource names 'Microsoft.Network/dnsZones@2018-05-01' = {
  name: zone
  location: 'global'
}

output nameServers array = names.properties.nameServers
