//! The settings of the storage account.

use table_store::StorageAccess;

use super::{OTHER, read};

#[test]
fn storage_with_managed_identity_is_accepted() {
    let settings = read(&[
        ("AzureWebJobsStorage", ""),
        ("AzureWebJobsStorage__accountName", "account1"),
        ("AzureWebJobsStorage__credential", "managedidentity"),
        ("AzureWebJobsStorage__clientId", OTHER),
    ])
    .unwrap();
    let storage = settings.storage.unwrap();
    assert_eq!(storage.table_endpoint.as_str(), "https://account1.table.core.windows.net/");
    assert_eq!(storage.account, "account1");
    assert!(matches!(storage.access, StorageAccess::ManagedIdentity(Some(id)) if id == OTHER));
}

#[test]
fn storage_account_has_the_domain_of_its_cloud() {
    for (cloud, endpoint) in [
        ("gcc", "https://account1.table.core.windows.net/"),
        ("gcchigh", "https://account1.table.core.usgovcloudapi.net/"),
        ("dod", "https://account1.table.core.usgovcloudapi.net/"),
        ("china", "https://account1.table.core.chinacloudapi.cn/"),
    ] {
        let set = [("AzureWebJobsStorage", ""), ("AzureWebJobsStorage__accountName", "account1"), ("CLOUD", cloud)];
        assert_eq!(read(&set).unwrap().storage.unwrap().table_endpoint.as_str(), endpoint, "{cloud}");
    }
}

#[test]
fn connection_string_may_name_an_endpoint_or_suffix() {
    for (text, endpoint) in [
        (
            "AccountName=a;AccountKey=AAAA;EndpointSuffix=core.chinacloudapi.cn",
            "https://a.table.core.chinacloudapi.cn/",
        ),
        ("AccountName=a;AccountKey=AAAA;TableEndpoint=http://[::1]:10002/a;", "http://[::1]:10002/a"),
        ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=AAAA", "https://a.table.core.windows.net/"),
    ] {
        let settings = read(&[("AzureWebJobsStorage", text)]).unwrap();
        assert_eq!(settings.storage.unwrap().table_endpoint.as_str(), endpoint);
    }
}
