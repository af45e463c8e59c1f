//! What reading costs with many resources: list pages from anywhere in the list, and gets.

use std::time::Instant;

use proto::admin::v1::{GetProviderRequest, ListProvidersRequest};

use crate::admin::Admin;
use crate::figures;

/// Times round trips, client and transport included.
pub(crate) async fn measure(admin: &Admin, rounds: usize) -> anyhow::Result<()> {
    let mut providers = admin.providers.clone();
    let (mut lists, mut gets) = (Vec::new(), Vec::new());
    let mut page_token = String::new();
    for _ in 0..rounds {
        let request = ListProvidersRequest { parent: admin.project.clone(), page_token, ..Default::default() };
        let start = Instant::now();
        let page = providers.list_providers(request).await?.into_inner();
        lists.push(start.elapsed());
        if let Some(first) = page.providers.first() {
            let request = GetProviderRequest { name: first.name.clone() };
            let start = Instant::now();
            providers.get_provider(request).await?;
            gets.push(start.elapsed());
        }
        page_token = page.next_page_token;
    }
    figures::print("list of 50 providers, round trip", lists);
    figures::print("get of a provider, round trip", gets);
    Ok(())
}
