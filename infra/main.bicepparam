using './main.bicep'

param name = 'tenantwatch'
// The app registration of docs/deployment.md, Preparation.
param clientId = readEnvironmentVariable('CLIENT_ID')
// The person or group that may write the secrets: az ad signed-in-user show --query id --output tsv
param vaultOfficerObjectId = readEnvironmentVariable('VAULT_OFFICER_OBJECT_ID')
param useFlow = true
param useTeams = false
param settings = {
  TENANT_SOURCE: 'contracts'
  // PROTECTED_USERS: 'breakglass@contoso.com'
  // TRUSTED_DOMAINS: 'tickets.example'
}
