// The network of every environment of the guide: one subnet, who may enter it, and a way out.

param location string

@description('Port of the application that clients on the Internet reach through a public load balancer; 0: none.')
param publicPort int = 0

resource guard 'Microsoft.Network/networkSecurityGroups@2024-05-01' = {
  name: 'TestNsg'
  location: location
  properties: {
    // The built-in rules let the virtual network in (heartbeats, orders) and AzureLoadBalancer (the
    // health probe, from 168.63.129.16), and nobody else.
    securityRules: publicPort == 0 ? [] : [
      {
        name: 'AllowClients'
        properties: {
          priority: 100
          direction: 'Inbound'
          access: 'Allow'
          protocol: 'Tcp'
          sourceAddressPrefix: 'Internet'
          sourcePortRange: '*'
          destinationAddressPrefix: '*'
          destinationPortRange: string(publicPort)
        }
      }
    ]
  }
}

// The servers ask Entra and the resource manager. Behind a Standard load balancer, and in every new
// virtual network, they reach neither without this.
resource wayOutAddress 'Microsoft.Network/publicIPAddresses@2024-05-01' = {
  name: 'TestNatGatewayIp'
  location: location
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIPAllocationMethod: 'Static'
  }
}

resource wayOut 'Microsoft.Network/natGateways@2024-05-01' = {
  name: 'TestNatGateway'
  location: location
  sku: {
    name: 'Standard'
  }
  properties: {
    publicIpAddresses: [
      {
        id: wayOutAddress.id
      }
    ]
  }
}

resource vnet 'Microsoft.Network/virtualNetworks@2024-05-01' = {
  name: 'Vnet1'
  location: location
  properties: {
    addressSpace: {
      addressPrefixes: [
        '10.5.0.0/24'
      ]
    }
    subnets: [
      {
        name: 'Vnet1-1'
        properties: {
          addressPrefix: '10.5.0.0/24'
          networkSecurityGroup: {
            id: guard.id
          }
          natGateway: {
            id: wayOut.id
          }
        }
      }
    ]
  }
}

output subnet string = vnet.properties.subnets[0].id
