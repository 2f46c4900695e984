//! Runs the same cases on every store topology: embedded, a single Redis, a Redis with Sentinel, and a
//! Redis Cluster.

use crate::advertiser;
use crate::credits;
use crate::custom_reports;
use crate::events;
use crate::harness::{Redis, RedisCluster, Sentinels, Setup};
use crate::money;
use crate::removed;

/// One test per case and store. Each test starts and stops its own store.
macro_rules! on_every_store {
    ($($file:ident::$case:ident,)*) => {
        mod embedded {
            use super::*;
            $(#[tokio::test] async fn $case() { $file::$case(Setup::default()).await; })*
        }
        mod single {
            use super::*;
            $(#[tokio::test] async fn $case() {
                let store = Redis::start();
                $file::$case(Setup::default().with_store(&store)).await;
            })*
        }
        mod sentinel {
            use super::*;
            $(#[tokio::test] async fn $case() {
                let store = Sentinels::start_single();
                $file::$case(Setup::default().with_store(&store)).await;
            })*
        }
        mod cluster {
            use super::*;
            $(#[tokio::test] async fn $case() {
                let store = RedisCluster::start_without_replicas();
                $file::$case(Setup::default().with_store(&store)).await;
            })*
        }
    };
}

on_every_store! {
    events::every_kind_counts_once_however_often_it_is_repeated,
    events::sixty_four_browsers_with_one_token_are_billed_once,
    events::a_click_before_its_impression_is_pending_and_then_counts,
    events::a_click_without_an_impression_becomes_an_orphan,
    events::an_event_faster_than_a_reader_can_be_is_invalid_and_a_later_one_counts,
    events::an_event_after_its_window_is_invalid_and_a_click_still_redirects,
    money::of_sixty_requests_for_a_budget_of_ten_impressions_exactly_ten_are_shown_and_billed,
    money::impressions_over_the_budget_are_reported_as_over_budget_and_free,
    money::concurrent_pages_do_not_oversell_a_budget,
    money::a_report_adds_up_to_the_billed_amount_under_every_breakdown,
    credits::a_credited_event_no_longer_counts_or_costs_and_is_reported_as_credited,
    credits::a_refund_changes_spend_but_no_count_and_applies_once_per_key,
    credits::a_refund_of_a_day_without_bills_is_pending_until_the_first_one,
    advertiser::every_table_of_the_page_adds_up_to_the_same_total_after_a_credit_and_a_refund,
    custom_reports::reports_by_a_reported_key_add_up_and_survive_a_restart,
    removed::a_removed_advertiser_keeps_its_reports_page_refunds_and_credits,
}
