<?php
// Fills a WordPress: php wordpress.php FOLDER THEME < POSTS
// Installs it where that was not done yet, gives it this theme, publishes the posts, each `{"content": …,
// "categories": […], "tags": […], "fields": {…}}`, with `number` as the one it is to have, and prints
// where they are: `[{"url": …, "terms": {SLUG: NUMBER}}]`.
// WordPress uses up the name `$theme` while it loads.
[, $folder, $shown] = $argv;
// What the server sets; mail and the look at its own addresses have no place here.
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
    // As an editor's form does: WordPress takes the slashes off again, and whoever may not write
    // any HTML has what they wrote filtered.
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
