// The two servers of the cluster: a network card with a fixed address, and a machine in a zone of its
// own. Each has a managed identity, which may do nothing until a role is assigned to it.

param location string

@description('Id of the subnet.')
param subnet string

@description('Name, address and availability zone of each server.')
param servers array

@description('Ids of the load balancers\' pools that the cards belong to.')
param pools array = []

param adminUser string

@description('Public key of the administrator.')
param adminKey string

param size string

resource cards 'Microsoft.Network/networkInterfaces@2024-05-01' = [for server in servers: {
  name: '${server.name}-nic'
  location: location
  properties: {
    ipConfigurations: [
      {
        name: 'ipconfig1'
        properties: {
          subnet: {
            id: subnet
          }
          privateIPAllocationMethod: 'Static'
          privateIPAddress: server.address
          loadBalancerBackendAddressPools: pools
        }
      }
    ]
  }
}]

resource machines 'Microsoft.Compute/virtualMachines@2024-07-01' = [for (server, i) in servers: {
  name: server.name
  location: location
  zones: [
    server.zone
  ]
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    hardwareProfile: {
      vmSize: size
    }
    // clpcore has no kernel module: secure boot may stay on.
    securityProfile: {
      securityType: 'TrustedLaunch'
      uefiSettings: {
        secureBootEnabled: true
        vTpmEnabled: true
      }
    }
    storageProfile: {
      imageReference: {
        publisher: 'Canonical'
        offer: 'ubuntu-24_04-lts'
        sku: 'server'
        version: 'latest'
      }
      osDisk: {
        createOption: 'FromImage'
        managedDisk: {
          storageAccountType: 'Premium_LRS'
        }
      }
    }
    osProfile: {
      computerName: server.name
      adminUsername: adminUser
      linuxConfiguration: {
        disablePasswordAuthentication: true
        ssh: {
          publicKeys: [
            {
              path: '/home/${adminUser}/.ssh/authorized_keys'
              keyData: adminKey
            }
          ]
        }
      }
    }
    networkProfile: {
      networkInterfaces: [
        {
          id: cards[i].id
        }
      ]
    }
  }
}]
