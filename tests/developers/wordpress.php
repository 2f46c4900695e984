<?php
// Publishes posts in WordPress: php wordpress.php FOLDER THEME < POSTS
// Installs WordPress if needed, activates the theme and publishes the posts, each `{"content": …,
// "categories": […], "tags": […], "fields": {…}}` with an optional post id `number`. Prints their URLs and
// the ids of their terms: `[{"url": …, "terms": {SLUG: ID}}]`.
// Not `$theme`: WordPress overwrites that variable while it loads.
[, $folder, $shown] = $argv;
// Variables that a web server sets. Mail is disabled.
$_SERVER += ['HTTP_HOST' => 'localhost', 'SERVER_PROTOCOL' => 'HTTP/1.1', 'REQUEST_METHOD' => 'GET'];
function wp_mail() { return false; }

define('WP_INSTALLING', true);
require "$folder/wp-load.php";
require_once ABSPATH . 'wp-admin/includes/upgrade.php';

if (!is_blog_installed()) {
    wp_install('A site', 'editor', 'editor@site.example', true, '', 'a password');
}
if (get_option('stylesheet') !== $shown) {
    switch_theme($shown);
}

$published = [];
foreach (json_decode(stream_get_contents(STDIN), true) as $post) {
    // Slashed like the input of an editor's form: WordPress removes the slashes and filters the HTML
    // of users without the unfiltered_html capability.
    $id = wp_insert_post(wp_slash([
        'import_id' => $post['number'] ?? 0,
        'post_title' => 'A story',
        'post_content' => $post['content'],
        'post_status' => 'publish',
        'post_author' => 1,
        'tags_input' => $post['tags'] ?? [],
    ]), true);
    if (is_wp_error($id)) {
        throw new Exception($id->get_error_message());
    }
    if ($post['categories'] ?? []) {
        wp_set_object_terms($id, $post['categories'], 'category');
    }
    foreach ($post['fields'] ?? [] as $name => $value) {
        add_post_meta($id, $name, wp_slash($value));
    }
    $terms = [];
    foreach (wp_get_post_terms($id, ['category', 'post_tag']) as $term) {
        $terms[$term->slug] = $term->term_id;
    }
    $published[] = ['url' => get_permalink($id), 'terms' => $terms];
}
echo json_encode($published);
