// The Azure resources of Tenantwatch: a Flex Consumption app that runs the custom handler, its storage (tables, queue,
// deployment container), a user-assigned identity, a Key Vault for the secrets and Application Insights.
// The storage accepts no account key, the app accepts no publishing password, and with the federated identity the app
// registration needs no secret either.

targetScope = 'resourceGroup'

@description('Prefix of all resource names: lower-case letters and digits.')
@minLength(3)
@maxLength(11)
param name string = 'tenantwatch'

@description('Region. It must offer Flex Consumption: az functionapp list-flexconsumption-locations.')
param location string = resourceGroup().location

@description('PARTNER_TENANT_ID: your own tenant. The identity and the app registration live in it.')
param partnerTenantId string = tenant().tenantId

@description('CLIENT_ID: the multi-tenant app registration.')
param clientId string

@description('Take FLOW_URL from the Key Vault secret flow-url. Create the secret before the app starts.')
param useFlow bool = true

@description('Take TEAMS_WEBHOOK_URL from the Key Vault secret teams-webhook-url.')
param useTeams bool = false

@description('Object id of the person or group that may read and write the secrets in the vault.')
param vaultOfficerObjectId string

@description('Every other setting of docs/settings.md, by name, for example { TENANT_SOURCE: \'gdap\' }. Secure, because a setting may be a secret.')
@secure()
param settings object = {}

@description('GetDomainSchedule: NCRONTAB, six fields, UTC. The host reads it, so it must be set.')
param schedule string = '0 */15 * * * *'

@description('Memory of one instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 512

@description('Maximum number of instances that read tenants concurrently. Flex Consumption accepts 40 to 1000.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Resource id of a subnet for the app, delegated to Microsoft.App/environments, with the service endpoints Microsoft.Storage and Microsoft.KeyVault. If it is set, storage and vault accept only this subnet and allowedIpAddresses.')
param subnetId string = ''

@description('Public IPv4 addresses from which people deploy the app and write the secrets. Used only with subnetId.')
param allowedIpAddresses array = []

@description('Mail address that is told when Tenantwatch itself does not work. Empty: no alert rules.')
param alertEmail string = ''

var unique = toLower(take(uniqueString(resourceGroup().id, name), 10))
var storageName = take('${name}${unique}', 24)
var deploymentContainer = 'deployments'
// Without a subnet the app has no fixed address, so a closed firewall would lock it out.
var isNetworkClosed = !empty(subnetId)
var ipRules = map(allowedIpAddresses, address => { value: address })
var queues = ['process-audit-log', 'process-audit-log-poison']
var tables = ['ProcessedAuditLogs', 'AuditLogActionsLog', 'AuditLogCoverage']

// Built-in roles: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
var storageRoles = {
  blobDataOwner: 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b' // the package, the host's locks and keys
  queueDataContributor: '974c5e8b-45b9-4653-ba55-5f855dd0fb88' // one message per tenant, the poison queue
  tableDataContributor: '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3' // the three tables
}
var keyVaultSecretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var keyVaultSecretsOfficer = 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
var monitoringMetricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-identity'
  location: location
}

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: storageName
  location: location
  kind: 'StorageV2'
  sku: { name: 'Standard_LRS' }
  properties: {
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isNetworkClosed ? 'Deny' : 'Allow'
      ipRules: ipRules
      virtualNetworkRules: isNetworkClosed ? [{ id: subnetId, action: 'Allow' }] : []
    }
  }

  resource blobs 'blobServices' = {
    name: 'default'
    resource container 'containers' = {
      name: deploymentContainer
    }
  }

  resource queueService 'queueServices' = {
    name: 'default'
    resource queue 'queues' = [
      for queueName in queues: {
        name: queueName
      }
    ]
  }

  resource tableService 'tableServices' = {
    name: 'default'
    resource table 'tables' = [
      for tableName in tables: {
        name: tableName
      }
    ]
  }
}

resource storageRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in items(storageRoles): {
    name: guid(storage.id, identity.id, role.value)
    scope: storage
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role.value)
    }
  }
]

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: take('${name}-${unique}', 24)
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: { family: 'A', name: 'standard' }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: isNetworkClosed ? 'Deny' : 'Allow'
      ipRules: ipRules
      virtualNetworkRules: isNetworkClosed ? [{ id: subnetId }] : []
    }
  }
}

resource secretsRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, identity.id, keyVaultSecretsUser)
  scope: vault
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsUser)
  }
}

resource officerRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault.id, vaultOfficerObjectId, keyVaultSecretsOfficer)
  scope: vault
  properties: {
    principalId: vaultOfficerObjectId
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyVaultSecretsOfficer)
  }
}

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: '${name}-logs'
  location: location
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 90
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: '${name}-insights'
  location: location
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
  }
}

resource insightsRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, identity.id, monitoringMetricsPublisher)
  scope: insights
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', monitoringMetricsPublisher)
  }
}

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: '${name}-plan'
  location: location
  kind: 'functionapp'
  sku: { tier: 'FlexConsumption', name: 'FC1' }
  properties: { reserved: true }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: '${name}-${unique}'
  location: location
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identity.id}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    virtualNetworkSubnetId: isNetworkClosed ? subnetId : null
    keyVaultReferenceIdentity: identity.id
    siteConfig: { minTlsVersion: '1.2' }
    functionAppConfig: {
      // Flex Consumption takes the runtime from here and rejects FUNCTIONS_WORKER_RUNTIME as an app setting.
      runtime: { name: 'custom', version: '1.0' }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${deploymentContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identity.id
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
    }
  }
  dependsOn: [storageRole, storage::blobs::container]

  // People and pipelines publish with an Entra token; a publishing password would be a second, weaker way in.
  resource ftpPublishing 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scmPublishing 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(
      {
        // The host accepts this form in worldwide Azure only; for other clouds see docs/deployment.md, Other clouds.
        AzureWebJobsStorage__accountName: storage.name
        AzureWebJobsStorage__credential: 'managedidentity'
        AzureWebJobsStorage__clientId: identity.properties.clientId
        APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identity.properties.clientId};Authorization=AAD'
        PARTNER_TENANT_ID: partnerTenantId
        CLIENT_ID: clientId
        FEDERATED_IDENTITY_CLIENT_ID: identity.properties.clientId
        GetDomainSchedule: schedule
        ACTION_KEY: '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/action-key)'
      },
      useFlow ? { FLOW_URL: '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/flow-url)' } : {},
      useTeams
        ? { TEAMS_WEBHOOK_URL: '@Microsoft.KeyVault(SecretUri=${vault.properties.vaultUri}secrets/teams-webhook-url)' }
        : {},
      settings
    )
    dependsOn: [secretsRole, insightsRole]
  }
}

// Each rule looks at the last 45 minutes, so the schedule must be shorter than that.
var alerts = [
  {
    name: 'no-get-domain'
    title: 'No successful GetDomain for 45 minutes'
    query: 'requests | where name == "GetDomain" and success == true'
    operator: 'LessThan'
    threshold: 1
  }
  {
    name: 'poison-queue'
    title: 'A message went to the poison queue'
    query: 'traces | where message has "process-audit-log-poison"'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'handler-exit'
    title: 'The custom handler has exited'
    // The host logs an exit together with an exception, and Application Insights keeps such a line in exceptions alone.
    query: 'union isfuzzy=true (traces | project timestamp, text = message), (exceptions | project timestamp, text = strcat(outerMessage, " ", tostring(customDimensions))) | where text has "Worker Process exited" or text has "exited with code" or text has "restart retry count"'
    operator: 'GreaterThan'
    threshold: 0
  }
]

resource alertGroup 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(alertEmail)) {
  name: '${name}-alerts'
  location: 'global'
  properties: {
    groupShortName: take(name, 12)
    enabled: true
    emailReceivers: [
      { name: 'operator', emailAddress: alertEmail, useCommonAlertSchema: true }
    ]
  }
}

resource alertRules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: if (!empty(alertEmail)) {
    name: '${name}-${alert.name}'
    location: location
    kind: 'LogAlert'
    properties: {
      displayName: 'Tenantwatch: ${alert.title}'
      severity: 1
      enabled: true
      evaluationFrequency: 'PT15M'
      windowSize: 'PT45M'
      scopes: [insights.id]
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: alert.operator
            threshold: alert.threshold
            failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 }
          }
        ]
      }
      autoMitigate: true
      // The tables exist only after the first data.
      skipQueryValidation: true
      actions: { actionGroups: [alertGroup.id] }
    }
  }
]

@description('The Functions app.')
output appName string = app.name

@description('URL of RemediateAccount; a request needs a function key.')
output remediateUrl string = 'https://${app.properties.defaultHostName}/api/RemediateAccount'

@description('Name of the vault for the secrets.')
output vaultName string = vault.name

@description('Resource id of the storage account, for the role of a person who runs the commands.')
output storageId string = storage.id

@description('The storage account with the tables.')
output storageName string = storage.name

@description('Subject of the federated credential of the app registration.')
output identityPrincipalId string = identity.properties.principalId
